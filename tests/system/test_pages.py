"""The pages that people get, in a real browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.experiment.index import update_index
from tests.kept import BEGAN, keep_run, keep_suite
from tests.system.browser import PHONE, WIDE, violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a folder with 450 runs, of which one failed and one was killed."""
    reports = tmp_path_factory.mktemp("reports")
    for minute in range(449):
        verdict = "fail" if minute == 7 else "pass"
        keep_run(
            reports,
            BEGAN + timedelta(minutes=minute),
            verdict=verdict,
            page=True,
            order=("a", "b") if minute < 440 else ("b",),
        )
    keep_run(reports, BEGAN + timedelta(days=1), scenario="refused", chain="<b>other</b>", verdict=None)
    keep_suite(reports, reports / "refused" / "2026-11-02T12-00-00Z-1")
    update_index(reports, pytest.fail)
    return reports / "index.html"


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_in_the_index(size: Any, colours: Any, index: Path, page: Page) -> None:
    """In both colour schemes, on a screen and on a phone, where nothing is wider than the screen."""
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=colours)
    page.goto(index.as_uri())
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_the_index_is_searched_and_paged_by_keys(index: Path, page: Page) -> None:
    """Words and answers choose among all entries, not only among those that are shown."""
    page.goto(index.as_uri())
    found, rows = page.locator("#Found"), page.locator("#Rows tbody tr")
    assert found.inner_text() == "1 to 200 of 451"
    assert rows.count() == 200
    page.focus("#Words")
    page.keyboard.type("other refused")
    assert found.inner_text() == "1 to 1 of 1 that match; 451 in all"
    assert "<b>other</b>" in rows.inner_text()
    assert "harness report" in rows.inner_text()
    page.fill("#Words", "")
    page.select_option("#Verdict", "fail")
    assert found.inner_text() == "1 to 1 of 1 that match; 451 in all"
    page.select_option("#Verdict", "*")
    page.focus("#Older")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert found.inner_text() == "401 to 451 of 451"
    assert page.locator("#Older").is_disabled()
    page.fill("#Words", "nothing like that")
    assert found.inner_text() == "None matches: take a word away."


def test_rows_of_the_script_are_those_of_the_page(index: Path, browser: Browser, page: Page) -> None:
    """The script draws the newest entries exactly as the page has them without it."""
    page.goto(index.as_uri())
    drawn = page.locator("#Rows tbody").inner_text()
    with browser.new_context(java_script_enabled=False, viewport=WIDE) as context:
        plain = context.new_page()
        plain.goto(index.as_uri())
        assert plain.locator("#Rows tbody").inner_text() == drawn
        assert plain.locator("#Search").is_hidden()
        assert plain.locator("#Found").inner_text() == "The newest 200 of 451. `harness runs` lists all of them."
