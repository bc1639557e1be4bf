"""Warm-up."""

from __future__ import annotations

from hypothesis import given, settings

from harness.history import AttemptRecord, History
from harness.judge import RunData, judge, measure
from harness.scenario import Plan
from tests.judge.histories import Book, Try, fails, ns
from tests.judge.strategies import books, plans


def _with_warmup(history: History, book: Book) -> History:
    warm = Book()
    warm.request(-3, fails(400), fails(429, told_s=9.0), Try(), request_id="warmup-000001", phase="warmup")
    warm.request(-2, outcome="deadline", request_id="warmup-000002", phase="warmup")
    warm.lag(-1, 9.0)
    stray = AttemptRecord(attempt_id="orphan.1", request_id=None, provider="openai", start_ns=ns(-2), outcome="ok")
    return History.of(
        history.plan_digest,
        requests=[*warm.requests, *book.requests],
        attempts=[*warm.attempts, stray, *book.attempts],
        health=[*warm.health, *book.health],
        faults=history.faults.to_dict("records"),
    )


@settings(max_examples=25)
@given(plan=plans(), book=books())
def test_warm_up_changes_nothing(plan: Plan, book: Book) -> None:
    """It lies outside every metric, bound and finding."""
    history = book.history(plan)
    warmed = _with_warmup(history, book)
    assert len(warmed.requests) == len(history.requests) + 2
    assert measure(RunData.of(plan, warmed)) == measure(RunData.of(plan, history))
    assert judge(RunData.of(plan, warmed)) == judge(RunData.of(plan, history))
