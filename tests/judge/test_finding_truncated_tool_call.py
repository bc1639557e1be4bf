"""The finding `truncated_tool_call`, and what it leaves to others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.judge.findings import FINDINGS, CheckResult
from harness.judge.result import Status
from harness.provider.kinds import Kind
from tests.judge.histories import OUTAGE, Book, Try, fails, mixed, plan_of

PLAN = plan_of(faults=[OUTAGE])
TAKEN: dict[str, Any] = {"outcome": "ok", "status": 200, "complete": False}


def one(*tries: Try, kind: Kind = "tools", **fields: Any) -> Book:
    """Return one request; its text names its last attempt."""
    book = Book()
    last = f"req-000001.{tries[-1].at}.{sum(each.at == tries[-1].at for each in tries)}"
    named = {"served_attempt": last, "served_by": tries[-1].at, "sources": (last,)}
    book.request(12, *tries, kind=kind, **{**named, **fields})
    return book


def look(finding: str, book: Book, kind: Kind = "tools") -> CheckResult:
    """Return what a finding's check finds where all requests are of one kind."""
    return FINDINGS[finding].check(book.run(mixed(PLAN, book, [0] * len(book.requests), kinds=(kind,))))


@pytest.mark.parametrize(
    ("last", "caller"),
    [
        (fails(200, outcome="cut"), {"text_chars": 40}),
        (fails(200, outcome="malformed"), {"text_chars": 100}),
        (Try(), {"text_chars": 40}),
        (Try(), {"text_chars": 100}),
        (Try(), {"text_chars": 130}),
        (fails(200, outcome="cut"), {"text_chars": 0, "sources": (), "served_attempt": None, "served_by": None}),
    ],
)
def test_a_call_that_is_not_what_the_provider_meant(last: Try, caller: dict[str, Any]) -> None:
    """Cut arguments, broken ones, a call left out, other arguments, a call as plain text, and nothing at all."""
    book = one(fails(503), last, **TAKEN, **caller)
    found = look("truncated_tool_call", book)
    assert (found.status, found.requests, found.samples) == (Status.FAIL, ("req-000001",), 1)
    assert look("truncated_as_success", book).count == 0


@pytest.mark.parametrize(
    "caller",
    [
        {"complete": True},
        {"outcome": "truncated", "complete": False, "text_chars": 40},
        {"outcome": "error", "status": 502, "complete": False, "text_chars": None},
    ],
)
def test_whole_calls_and_callers_who_notice(caller: dict[str, Any]) -> None:
    """A call as it was meant, a stream that ended in an error, and an error status deceive nobody."""
    book = one(fails(200, outcome="cut"), Try(at="azure"), **caller)
    found = look("truncated_tool_call", book)
    assert (found.status, found.samples) == (Status.PASS, 1)


@pytest.mark.parametrize(
    ("sources", "other"),
    [
        (("req-000001.openai.1", "req-000001.azure.1"), "duplicated_content"),
        (("req-000009.openai.1",), "answer_of_another"),
    ],
)
def test_what_other_findings_name(sources: tuple[str, ...], other: str) -> None:
    """Two answers in one, and somebody else's call."""
    own = sources[-1] if len(sources) > 1 else None
    book = one(
        fails(at="openai"),
        Try(at="azure"),
        **TAKEN,
        text_chars=150,
        sources=sources,
        served_attempt=own,
        served_by=None,
    )
    assert look("truncated_tool_call", book).count == 0
    assert look(other, book).count == 1


def test_chats_are_not_calls() -> None:
    """Half a text is `truncated_as_success`, and without tools nothing can be found."""
    book = one(fails(200, outcome="cut"), kind="chat", **TAKEN, text_chars=40)
    assert look("truncated_tool_call", book, "chat").status is Status.INCONCLUSIVE
    assert look("truncated_as_success", book, "chat").count == 1


def test_only_the_first_turn_of_a_conversation_calls_tools() -> None:
    """Its second turn is answered in text."""
    book = Book()
    book.request(12, fails(200, outcome="cut"), kind="conversation", **TAKEN, text_chars=40)
    book.request(14, fails(200, outcome="cut"), kind="conversation", **TAKEN, text_chars=40)
    plan = mixed(PLAN, book, [0, 0], kinds=("conversation",), after={"req-000002": "req-000001"})
    run = book.run(plan)
    assert FINDINGS["truncated_tool_call"].check(run).requests == ("req-000001",)
    assert FINDINGS["truncated_as_success"].check(run).requests == ("req-000002",)


def test_a_chain_that_rewrites_answers_leaves_calls_open() -> None:
    """What it declares to change may be the arguments."""
    book = one(fails(503), Try(), **TAKEN, text_chars=130)
    plan = mixed(PLAN, book, [0], kinds=("tools",))
    run = book.run(replace(plan, chain=replace(plan.chain, answers=("rewrites",))))
    assert FINDINGS["truncated_tool_call"].check(run).status is Status.INCONCLUSIVE
    assert "rewrites" not in FINDINGS["truncated_as_success"].check(run).message
