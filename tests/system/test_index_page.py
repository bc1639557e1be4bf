"""The search of `reports/index.html`, in a real browser; `test_pages.py` has what it shares with all pages."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.experiment.index import update_index
from tests.kept import BEGAN, keep_run, keep_suite
from tests.system.browser import WIDE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system


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
