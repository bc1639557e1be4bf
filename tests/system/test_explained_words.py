"""Words that explain themselves, in a real browser: by tap on a phone, by keyboard, and in print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.report.glossary import explained
from harness.report.page import page as page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system
SHOWN = """word => {
    const style = getComputedStyle(word, '::after');
    return [style.content, style.position, document.scrollingElement.scrollWidth];
}"""
HIDDEN = "none"
WORD = explained("amplification", "Attempts at providers per request. " * 4)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a page with a word in its opening, one at the right edge, and one further down."""
    made = tmp_path / "page.html"
    body = f'<div class="opening"><p>{WORD}</p></div><p style="text-align: right">{WORD}</p>' + "<p>.</p>" * 40 + WORD
    made.write_text(page_of("x", body), encoding="utf-8")
    return made


def test_a_tap_shows_what_a_word_means(browser: Browser, path: Path) -> None:
    """Beside each word, wherever it stands, and nothing sticks out of the screen; another tap elsewhere closes it."""
    phone = {"width": 390, "height": 700}
    with browser.new_context(viewport=phone, has_touch=True, is_mobile=True) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(path.as_uri())
        for place in range(3):
            word = page.locator("abbr").nth(place)
            assert word.evaluate(SHOWN)[0] == HIDDEN
            word.tap()
            content, position, width = word.evaluate(SHOWN)
            assert "Attempts at providers" in content
            assert position == "fixed"
            assert width <= phone["width"]
            page.locator("p", has_text=".").last.tap()
            assert word.evaluate(SHOWN)[0] == HIDDEN


def test_the_keyboard_shows_it_too(page: Page, path: Path) -> None:
    """Tab stops at each word, and moving on closes the one before."""
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    shown = [page.locator("abbr").nth(place).evaluate(SHOWN)[0] != HIDDEN for place in range(3)]
    assert shown == [False, True, False]


def test_print_has_the_meaning_in_the_text(page: Page, path: Path) -> None:
    """On the first screen after each word; the rest of a page has its list at the end."""
    page.goto(path.as_uri())
    page.emulate_media(media="print")
    shown = [page.locator("abbr").nth(place).evaluate(SHOWN) for place in range(3)]
    assert "Attempts at providers" in shown[0][0]
    assert shown[0][1] == "static"
    assert [content for content, _, _ in shown[1:]] == [HIDDEN, HIDDEN]
