"""A caller who was given the answer to somebody else's request."""

from __future__ import annotations

import pandas as pd

from harness.judge import RUN, Status, journeys, judge, measure
from tests.judge.histories import Book, Try, plan_of


def _mixed_up(book: Book) -> str:
    """Write down a request whose own attempt succeeded, and whose text names that of the first one."""
    return book.request(7, Try(), served_by=None, served_attempt=None, sources=("req-000001.openai.1",), complete=False)


def test_it_is_no_success_of_its_own_attempt() -> None:
    """Nobody served it, and what its attempt cost was for nothing."""
    book = Book().steady()
    _mixed_up(book)
    plan = plan_of()
    values = measure(book.run(plan)).phases[RUN]
    assert values["success_rate"].value == 20 / 21
    assert (values["wasted_tokens"].value, values["cost"].value) == (50, 0.01)
    journey = journeys(book.run(plan)).iloc[-1]
    assert journey["winning_attempt"] is pd.NA
    assert not isinstance(journey["served_by"], str)


def test_it_fails_a_success_rate_and_never_goes_unsaid() -> None:
    """A run that asks for nothing says it all the same."""
    book = Book().steady()
    shown = [_mixed_up(book) for _ in range(20)]
    plan = plan_of("success_rate >= 80%")
    verdict = judge(book.run(plan))
    assert verdict.status is Status.FAIL
    said = f"20 callers were given the text of another request's attempt, the first {shown[0]}"
    assert said in verdict.reasons
    silent = plan_of()
    assert said in judge(book.run(silent)).reasons
    assert not any("another request" in reason for reason in judge(Book().steady().run(silent)).reasons)


def test_without_an_attempt_of_its_own_it_is_an_error_swallowed() -> None:
    """All of its attempts failed, and a 2xx came all the same."""
    book = Book().steady()
    shown = book.request(
        12, Try(status=503), outcome="ok", status=200, served_attempt=None, sources=("req-000001.openai.1",)
    )
    plan = plan_of("no error_swallowed")
    verdict = judge(book.run(plan))
    assert {f.id: f.requests for f in verdict.findings}["error_swallowed"] == (shown,)
