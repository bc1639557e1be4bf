"""The table of fallbacks in the page and the notebooks."""

from __future__ import annotations

import re
from html import unescape

from harness.judge import RunData
from harness.report import JudgedRun, show
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of


def _cells(block: show.Block, place: int = 0) -> list[list[str]]:
    """Return the rows of one of its tables, as text."""
    body = block.html.split("<tbody>")[place + 1].partition("</tbody>")[0]
    return [re.findall(r"<div>([^<]*)</div>", row) for row in body.split("</tr>")[:-1]]


def _run(book: Book) -> JudgedRun:
    return JudgedRun.of(RunData.of(plan := plan_of(faults=[OUTAGE]), book.history(plan)))


def test_steps_of_one_kind_are_one_row() -> None:
    """Most frequent first, with how they ended and the median wait; what never happened leaves no column."""
    book = Book().steady()
    for place, wait_s in enumerate((0.1, 0.2, 0.6)):
        book.request(12 + place, fails(503), Try(at="azure", after_s=wait_s))
    book.request(15, Try(at="azure"))
    book.request(16, fails(None, outcome="refused"), fails(503, at="azure"))
    shown = show.fallbacks(_run(book))
    assert _cells(shown) == [
        ["openai", "azure", "server_error 503", "3", "3", "", "200 ms"],
        ["openai", "azure", "connection", "1", "", "1", "0 s"],
        ["openai", "azure", "skipped", "1", "1", "", ""],
    ]
    assert ">unused</" not in shown.html


def test_each_step_is_a_row_in_the_order_of_time() -> None:
    """When, which request, what triggered it, from where to where, how it ended, and the wait; at most 20."""
    book = Book()
    book.request(13, fails(503), Try(at="azure", after_s=0.5))
    book.request(12, Try(at="azure"))
    rows = _cells(show.fallbacks(_run(book)), 1)
    assert rows == [  # the request's name is in a tag of its own
        ["12 s", "skipped", "openai", "azure", "served", ""],
        ["13.5 s", "server_error 503", "openai", "azure", "served", "500 ms"],
    ]


def test_no_fallback_is_a_sentence() -> None:
    """And so is what cannot be observed."""
    assert "No request went from one provider to another." in show.fallbacks(_run(Book().steady())).html
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of(faults=[refused], endpoint=True)
    book = Book().steady()
    book.request(12, Try(at="azure"))
    blind = JudgedRun.of(RunData.of(plan, book.history(plan, fired=None, unseen=True)))
    assert "cannot be shown" in show.fallbacks(blind).html
    assert "<table" not in show.fallbacks(blind).html


def test_only_so_many_kinds_are_shown() -> None:
    """The page stays small; how many are left out is stated."""
    book = Book()
    for status in range(400, 440):
        book.request(12 + status / 100, fails(status), Try(at="azure"))
    shown = show.fallbacks(_run(book))
    assert len(_cells(shown)) == 20
    assert "20 rarer kinds of step not shown" in shown.html
    assert len(_cells(shown, 1)) == 20
    assert "20 more, and all as CSV" in shown.html


def test_names_are_text(demo: JudgedRun) -> None:
    """The demo falls back 1:1 after its rate limit; its words explain themselves."""
    page = show.fallbacks(demo).html
    assert "rate_limit 429" in unescape(page)
    assert "median wait" in show.glossary(demo).html
