"""Checks around a caller's leaving."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.result import Status
from tests.judge.histories import OUTAGE, Book, Try, fails, look, ns, plan_of

PLAN = plan_of(faults=[OUTAGE], deadline_s=20)
LEFT: dict[str, Any] = {"outcome": "deadline", "end_ns": ns(32)}


def _last(end_s: float, **fields: Any) -> Try:
    """Return an attempt that begins with its request at 12 s and ends at some second."""
    return fails(503, took_s=end_s - 12.005, **fields)


@pytest.mark.parametrize(("end_s", "shown"), [(26.94, True), (26.96, False), (31.0, False), (33.0, False)])
def test_silence_before_the_caller_leaves(end_s: float, shown: bool) -> None:
    """Five seconds without anything under way are a hang; an open attempt is not."""
    book = Book()
    book.request(12, _last(end_s), **LEFT)
    seen = look("hang", book.run(PLAN))
    assert (seen.count, seen.samples) == (int(shown), 1)


@pytest.mark.parametrize(("told_s", "shown"), [(18.0, True), (30.0, False)])
def test_waiting_as_long_as_asked_is_no_hang(told_s: float, shown: bool) -> None:
    """A Retry-After that is still running explains the silence."""
    book = Book()
    book.request(12, _last(12.015, told_s=told_s), **LEFT)
    assert look("hang", book.run(PLAN)).count == int(shown)


@pytest.mark.parametrize(("waits_s", "deadline_s", "shown"), [((1, 2, 4), 12, 0), ((1, 2, 4), 16, 1), ((4,), 13, 1)])
def test_a_backoff_that_doubles_its_waits_is_no_hang(waits_s: tuple[float, ...], deadline_s: float, shown: int) -> None:
    """The next wait may be twice the longest one before, and no longer."""
    plan = plan_of(faults=[OUTAGE], deadline_s=deadline_s)
    book = Book()
    for place in range(30):
        at_s = 12 + place * 0.1
        tries = [fails(503), *(fails(503, after_s=wait_s) for wait_s in waits_s)]
        book.request(at_s, *tries, outcome="deadline", end_ns=ns(at_s + deadline_s))
    assert look("hang", book.run(plan)).count == 30 * shown


def test_time_in_an_attempt_is_no_wait() -> None:
    """A first attempt that was open for 6 s does not excuse 8 s of silence after it."""
    book = Book()
    book.request(12, fails(503, took_s=6), fails(503, after_s=0.5), **LEFT)
    assert look("hang", book.run(PLAN)).count == 1


def test_an_attempt_that_never_ended_was_open() -> None:
    """No end on record means open to the last."""
    book = Book()
    book.request(12, _last(13, more={"end_ns": None}), **LEFT)
    assert look("hang", book.run(PLAN)).status is Status.PASS


def test_no_attempt_at_all_is_a_hang() -> None:
    """The request went out, and nothing came of it."""
    book = Book()
    book.request(12, **LEFT)
    assert look("hang", book.run(PLAN)).count == 1


def test_a_short_deadline_cannot_decide() -> None:
    """With 5 s there is no time for 5 s of silence."""
    plan = plan_of(deadline_s=5)
    book = Book()
    book.request(12, outcome="deadline", end_ns=ns(17))
    assert look("hang", book.run(plan)).status is Status.INCONCLUSIVE


@pytest.mark.parametrize(("after_s", "shown"), [(0.249, False), (0.251, True)])
def test_work_for_a_caller_who_has_left(after_s: float, shown: bool) -> None:
    """250 ms for word to get round, and no longer."""
    book = Book()
    book.request(12, _last(32), Try(after_s=after_s), **LEFT)
    seen = look("zombie_attempts", book.run(PLAN))
    assert (seen.count, seen.samples) == (int(shown), 1)


def test_nobody_left() -> None:
    """Without a caller who left there are no zombies to look for."""
    assert look("zombie_attempts", Book().steady().run(PLAN)).samples == 0
