"""Checks of what callers were given."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.result import Status
from tests.judge.histories import OUTAGE, Book, Try, fails, look, plan_of

PLAN = plan_of(faults=[OUTAGE])
HALF: dict[str, Any] = {
    "outcome": "ok",
    "status": 200,
    "complete": False,
    "text_chars": 40,
    "served_attempt": "req-000001.openai.1",
    "sources": ("req-000001.openai.1",),
}
CUT = fails(200, outcome="cut")


@pytest.mark.parametrize("outcome", ["cut", "reset", "timeout", "malformed"])
def test_half_an_answer_as_if_it_were_whole(outcome: str) -> None:
    """However the answer broke off, a 2xx that raises nothing hides it."""
    book = Book()
    shown = book.request(12, fails(200, outcome=outcome), **HALF)
    seen = look("truncated_as_success", book.run(PLAN))
    assert (seen.status, seen.requests, seen.samples) == (Status.FAIL, (shown,), 1)


def test_an_answer_that_ends_properly_but_too_early() -> None:
    """A stream that ends without its rest looks whole to the edge, and is shorter than it was meant to be."""
    book = Book()
    book.request(12, Try(fault="fault-1"), **HALF)
    assert look("truncated_as_success", book.run(PLAN)).count == 1


def test_half_an_answer_without_a_name() -> None:
    """A text cut before it named its attempt is that of the last attempt that began an answer."""
    book = Book()
    book.request(12, CUT, **(HALF | {"served_attempt": None, "sources": (), "text_chars": 0}))
    assert look("truncated_as_success", book.run(PLAN)).count == 1


@pytest.mark.parametrize(
    "caller", [{"outcome": "truncated"}, {"outcome": "error", "status": 502}, {"complete": True, "text_chars": 100}]
)
def test_a_caller_who_notices_is_not_deceived(caller: dict[str, Any]) -> None:
    """An error event, an error status, or the whole text after all."""
    book = Book()
    book.request(12, CUT, **(HALF | caller))
    seen = look("truncated_as_success", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.PASS, 1)


def test_a_cut_answer_that_another_provider_made_good() -> None:
    """The caller got all of the second answer."""
    book = Book()
    book.request(12, CUT, Try(at="azure"))
    seen = look("truncated_as_success", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.PASS, 1)


def test_no_answer_was_cut() -> None:
    """Without a cut there is nothing to hide."""
    book = Book().steady(3)
    assert look("truncated_as_success", book.run(PLAN)).samples == 0


@pytest.mark.parametrize(
    ("sources", "shown"),
    [
        (("req-000001.openai.1", "req-000001.azure.1"), True),
        (("req-000001.azure.1", "req-000001.azure.1"), True),
        (("req-000001.azure.1",), False),
    ],
)
def test_the_beginning_of_an_answer_twice(sources: tuple[str, ...], shown: bool) -> None:
    """Two attempts named in one text are two beginnings, and so is one that is named twice."""
    book = Book()
    book.request(12, CUT, Try(at="azure"), sources=sources)
    seen = look("duplicated_content", book.run(PLAN))
    assert (seen.count, seen.samples) == (int(shown), 1)


def test_an_answer_from_nowhere() -> None:
    """A 2xx although every attempt failed."""
    book = Book()
    shown = book.request(12, fails(500), fails(500, at="azure"), outcome="ok", status=200)
    book.request(13, fails(500), Try(at="azure"))
    seen = look("error_swallowed", book.run(PLAN))
    assert (seen.requests, seen.samples) == ((shown,), 1)


def test_an_answer_without_any_attempt() -> None:
    """A 2xx that no provider was asked for."""
    book = Book()
    book.request(12, outcome="ok", status=200)
    assert look("error_swallowed", book.run(PLAN)).count == 1


@pytest.mark.parametrize("fields", [{"outcome": "error", "status": 500}, {"outcome": "truncated", "status": 200}])
def test_a_failure_told_to_the_caller_is_not_swallowed(fields: dict[str, Any]) -> None:
    """An error status, or an error that the client raises in mid-stream."""
    book = Book()
    book.request(12, fails(500), **fields)
    assert look("error_swallowed", book.run(PLAN)).status is Status.PASS
