"""The run's own health, at each bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.history import AttemptRecord, History
from harness.judge import Status, judge
from harness.judge.health import ailments
from harness.judge.run_data import RunData
from tests.histories import framed, primary_429
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of

PLAN = plan_of(faults=[OUTAGE])


def _ill(book: Book, **rest: object) -> list[str]:
    return found(book.run(PLAN, **rest))


def found(run: RunData) -> list[str]:
    """Return what is wrong with a run; for each there is something to do."""
    assert all(each.remedy.endswith(".") for each in ailments(run))
    return [each.what for each in ailments(run)]


def test_a_sound_run() -> None:
    """Nothing to say."""
    assert _ill(Book().steady()) == []
    plan, history = primary_429()
    assert found(RunData.of(plan, history)) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda h: replace(h, complete=False), "planned end"),
        (lambda h: replace(h, lost=2), "2 records lost"),
        (lambda h: framed(h, requests=h.requests.iloc[:-1]), "1 record lost"),
        (lambda h: framed(h, requests=h.requests.iloc[:0]), "no request was sent"),
    ],
)
def test_what_is_missing(change: Callable[[History], History], word: str) -> None:
    """Each is one sentence."""
    plan, history = primary_429()
    assert any(word in sentence for sentence in found(RunData.of(plan, change(history))))


def test_what_is_lost_counts_once() -> None:
    """Attempts are the history's to count, requests the plan's."""
    plan, history = primary_429()
    short = framed(history, requests=history.requests.iloc[:-3], attempts=history.attempts.iloc[:0], lost=2)
    assert found(RunData.of(plan, short))[0] == "5 records lost"


@pytest.mark.parametrize(("broken", "answered", "ill"), [(3, 0, True), (2, 0, False), (3, 1, False)])
def test_providers_that_answer_nobody(broken: int, answered: int, *, ill: bool) -> None:
    """If nothing is ever answered, though no fault is to blame, the run says nothing about the chain."""
    plan = plan_of("success_rate >= 99%")
    book = Book()
    for second in range(broken):
        book.request(second, fails(None, outcome="reset", fault=None), outcome="error", status=500)
    for second in range(answered):
        book.request(20 + second, Try())
    run = book.run(plan)
    sentence = "the mocked providers did not work: 3 attempts broke without a fault, and none succeeded"

    assert (sentence in found(run)) is ill
    assert (judge(run).status is Status.INCONCLUSIVE) is ill


def _orphan(start_s: float, request_id: str | None) -> AttemptRecord:
    return AttemptRecord(
        attempt_id=f"orphan.{start_s}", request_id=request_id, provider="openai", start_ns=ns(start_s), outcome="ok"
    )


@pytest.mark.parametrize(
    ("orphan", "ill"),
    [
        (_orphan(1, None), True),
        (_orphan(1, "req-999999"), True),
        (_orphan(-1, None), False),
        (_orphan(1, "warmup-000001"), False),
    ],
)
def test_orphans(orphan: AttemptRecord, ill: bool) -> None:
    """An attempt of no request, unless it belongs to the warm-up."""
    book = Book().steady()
    book.attempts.append(orphan)
    assert _ill(book) == (["1 attempt without a request"] if ill else [])


def test_dropped_arrivals() -> None:
    """None may be."""
    book = Book().steady()
    book.request(9, outcome="dropped", start_ns=None, end_ns=None)
    assert _ill(book) == ["1 of 21 requests never sent"]


@pytest.mark.parametrize(
    ("late", "lag_s", "ill"), [(1, 0.4, False), (2, 0.4, True), (2, 0.05, False), (1, 0.5, False), (1, 0.501, True)]
)
def test_late_arrivals(late: int, lag_s: float, ill: bool) -> None:
    """Of a hundred one may be late, and none by more than half a second."""
    book = Book()
    for place in range(100):
        at_s = 41 + 0.1 * place
        book.request(at_s, Try(), start_ns=ns(at_s) + (ns(lag_s) if place < late else 0))
    assert bool(_ill(book)) == ill


@pytest.mark.parametrize(("good", "bad", "ill"), [(19, 1, False), (18, 1, True), (8, 1, False), (9, 1, True)])
def test_a_steady_baseline(good: int, bad: int, ill: bool) -> None:
    """95 % complete, of at least ten; the failures lie in the earlier half."""
    book = Book()
    for place in range(bad):
        book.request(0.1 * place, fails(503, fault=None))
    for place in range(good):
        book.request(1 + 0.3 * place, Try())
    assert bool(_ill(book)) == ill


@pytest.mark.parametrize(("at_s", "ill"), [(4.9, False), (5.1, True), (9.985, True), (10.0, False)])
def test_no_failed_attempt_in_the_later_half_of_the_baseline(at_s: float, ill: bool) -> None:
    """Even one that a fallback made good."""
    book = Book().steady()
    book.request(at_s, fails(503, fault=None, took_s=0.001), Try(at="azure"))
    assert bool(_ill(book)) == ill


@pytest.mark.parametrize(("after_s", "ill"), [(-0.5, False), (0.1, True)])
def test_a_hedge_that_lost_is_no_failure(after_s: float, *, ill: bool) -> None:
    """The chain asked another provider meanwhile, and left the first when that one answered; one that it left before is a failure."""
    book = Book().steady()
    slow = Try(outcome="client_left", status=None, took_s=1.0)
    book.request(7, slow, Try(at="azure", after_s=after_s, took_s=0.5))
    assert bool(_ill(book)) == ill


def test_without_faults_there_is_no_baseline() -> None:
    """Nothing is a baseline of nothing."""
    plan = plan_of()
    book = Book().steady()
    book.request(9, fails(503))
    assert found(book.run(plan)) == []
