"""The pages that people get, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.system.browser import violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.system


def test_axe_finds_what_is_wrong(page: Page, tmp_path: Path) -> None:
    """A page that has faults is reported with rule and element: silence means that there are none."""
    path = tmp_path / "bad.html"
    path.write_text("<html><title>bad</title><main><h1>x</h1><img src='x.png'></main></html>")
    page.goto(path.as_uri())
    assert {line.partition(" ")[0] for line in violations(page)} == {"html-has-lang", "image-alt"}


def test_pages_reach_no_network(page: Page, tmp_path: Path) -> None:
    """What a page asks of another machine fails, by name and by address."""
    path = tmp_path / "page.html"
    path.write_text("<html lang='en'><title>page</title></html>")
    page.goto(path.as_uri())
    for address in ("http://example.com/", "http://192.0.2.1/"):
        script = "address => fetch(address, {mode: 'no-cors'}).then(() => 'answered', error => 'failed')"
        with page.expect_event("requestfailed") as failed:
            assert page.evaluate(script, address) == "failed"
        assert failed.value.failure == "net::ERR_NAME_NOT_RESOLVED"
