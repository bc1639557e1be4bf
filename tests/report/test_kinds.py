"""A run of several kinds of request, as people see it."""

from __future__ import annotations

import io
from html import unescape

import pytest
from rich.console import Console

from harness.judge import RunData
from harness.report import JudgedRun, show, terminal
from tests.judge.histories import OUTAGE, Book, Try, fails, mixed, plan_of

KINDS = ("chat", "embeddings")


@pytest.fixture(scope="module")
def run() -> JudgedRun:
    """Return a run in which chats fall back, and embeddings fail."""
    book = Book()
    for place in range(20):
        book.request(12 + place / 10, fails(), Try(at="azure"), kind="chat")
        book.request(12 + place / 10, fails(), kind="embeddings")
    plan = mixed(plan_of(faults=[OUTAGE]), book, [0, 1] * 20, kinds=KINDS)
    return JudgedRun.of(RunData.of(plan, book.history(plan)))


def rows(html: str, caption: str) -> list[list[str]]:
    """Return the cells of a table."""
    _, _, after = html.partition(f"<caption>{caption}</caption>")
    body = after.partition("<tbody>")[2].partition("</tbody>")[0]
    lines = body.split("<tr>")[1:]
    return [[unescape(_text(cell)) for cell in line.split("<td")[1:]] for line in lines]


def _text(cell: str) -> str:
    pieces = cell.partition(">")[2].split("<")
    return " ".join(piece.rpartition(">")[2].strip() for piece in pieces).strip()


def test_the_page_has_the_numbers_of_each_kind(run: JudgedRun) -> None:
    """One row for each kind and phase."""
    found = rows(show.numbers(run).html, "Numbers by kind of request, with 95 % intervals")
    assert [row[0] for row in found] == ["chat"] * 4 + ["embeddings"] * 4
    success = {(row[0], row[1].split()[0]): row[2].split()[0] for row in found}
    assert success["chat", "fault"] == "100"
    assert success["embeddings", "fault"] == "0"


def test_the_page_has_who_served_each_kind(run: JudgedRun) -> None:
    """Azure served all chats; nobody served an embedding."""
    found = rows(show.numbers(run).html, "Who served each kind of request")
    assert found == [["chat", "20", "20", ""], ["embeddings", "20", "", "20"]]


def test_one_kind_needs_no_table_of_its_own(demo: JudgedRun) -> None:
    """Without a mix the page is as it was."""
    assert "kind of request" not in show.numbers(demo).html


def test_the_terminal_has_a_line_for_each_kind(run: JudgedRun) -> None:
    """Below the line of the whole run."""
    console = Console(file=io.StringIO(), width=120)
    terminal.print_verdict(run.verdict, run.metrics, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    lines = [line for line in text.splitlines() if line.startswith(("whole run", *KINDS))]
    assert [line.split(",")[0] for line in lines] == [
        "whole run: success 50 %",
        "chat: success 100 %",
        "embeddings: success 0 %",
    ]
