"""A stall of the machine, or of a part of the harness, is not the chain's slowness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.history import HealthRecord
from harness.judge import Status, judge
from harness.judge.result import ExpectationResult
from harness.judge.stalls import HEALTH_EVERY_NS, STALL_NS, Stall, overlap_ns, stalls
from harness.quantities import MS, S
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of

PARTS = ["edge", "load", "runner", "toxiproxy"]


def row(expect: str, book: Book, **rest: Any) -> ExpectationResult:
    """Return the answer to one line."""
    (found,) = judge(book.run(plan_of(expect, faults=[OUTAGE], **rest))).expectations
    return found


def healthy(book: Book, process: str, *, every_s: float = 0.1, cpu: bool = False) -> Book:
    """Write health records of a whole run in which a process did well."""
    for place in range(int(60 / every_s)):
        at_ns = ns(every_s * (place + 1))
        book.health.append(HealthRecord(process=process, at_ns=at_ns, loop_lag_ns=MS, cpu_ns=at_ns // 10 if cpu else 0))
    return book


def halted(book: Book, process: str, *, from_s: float, length_s: float, cpu_s: float = 0.0) -> Book:
    """Replace the records of a stretch of time by one that shows a stall."""
    to_ns = ns(from_s + length_s)
    before = [each for each in book.health if each.process != process or not ns(from_s) < each.at_ns <= to_ns]
    last = max((each.cpu_ns for each in before if each.process == process and each.at_ns <= ns(from_s)), default=0)
    more = ns(cpu_s) - max((each.cpu_ns - last for each in before if each.at_ns > to_ns), default=0)
    book.health = [
        replace(each, cpu_ns=each.cpu_ns + max(more, 0)) if each.process == process and each.at_ns > to_ns else each
        for each in before
    ]
    book.health.append(HealthRecord(process=process, at_ns=to_ns, loop_lag_ns=ns(length_s), cpu_ns=last + ns(cpu_s)))
    return book


def caught_in(from_s: float, length_s: float, *, count: int = 10) -> Book:
    """Return 100 requests of 60 ms, of which some wait for the end of a stall."""
    book = Book()
    for place in range(100):
        at_s = 11 + 0.2 * place
        inside = from_s <= at_s < from_s + length_s
        book.request(at_s, fails(503), Try(at="azure", took_s=from_s + length_s - at_s if inside else 0.02))
    return book


@pytest.mark.parametrize("process", PARTS)
def test_a_part_of_ours_that_stalled_is_named(process: str) -> None:
    """3 s in which nothing moved: 15 of 100 requests took up to 3 s, and the chain is not to blame for one of them."""
    book = halted(healthy(caught_in(15, 3.0), process), process, from_s=15, length_s=3.0)
    found = row("p95 latency in fault < 800ms", book)
    assert found.status is Status.INCONCLUSIVE
    assert f"the {process} process stalled for 3 s" in found.message
    assert found.observed is not None
    assert found.observed > 2 * S


@pytest.mark.parametrize("process", PARTS)
def test_what_was_slow_at_another_time_stays_slow(process: str) -> None:
    """The stall lies elsewhere: each request is excused for its own overlap alone."""
    book = halted(healthy(caught_in(15, 3.0), process), process, from_s=25, length_s=3.0)
    assert row("p95 latency in fault < 800ms", book).status is Status.FAIL


def test_what_stays_too_slow_without_the_stall_fails() -> None:
    """Every request takes 2 s by itself; the stall adds up to 3 s to some."""
    book = Book()
    for place in range(100):
        at_s = 11 + 0.2 * place
        book.request(at_s, fails(503), Try(at="azure", took_s=2.0 + (18 - at_s if 15 <= at_s < 18 else 0.0)))
    halted(healthy(book, "edge"), "edge", from_s=15, length_s=3.0)
    assert row("p95 latency in fault < 1900ms", book).status is Status.FAIL
    assert row("p95 latency in fault < 2200ms", book).status is Status.INCONCLUSIVE
    assert row("p95 latency in fault < 9s", book).status is Status.PASS


@pytest.mark.parametrize(
    ("cpu_s", "status"), [(0.0, Status.INCONCLUSIVE), (0.09, Status.INCONCLUSIVE), (3.0, Status.FAIL)]
)
@pytest.mark.parametrize("process", ["chain", "chain-2"])
def test_a_chain_that_computed_was_slow_by_itself(process: str, cpu_s: float, status: Status) -> None:
    """Its host counts as stalled only if its CPU time did not grow."""
    book = healthy(caught_in(15, 3.0), process, cpu=True)
    halted(book, process, from_s=15, length_s=3.0, cpu_s=cpu_s)
    found = row("p95 latency in fault < 800ms", book)
    assert found.status is status
    assert ("stalled" in found.message) == (status is Status.INCONCLUSIVE)


@pytest.mark.parametrize(("lag_ns", "count"), [(STALL_NS, 0), (STALL_NS + 1, 1)])
def test_a_quarter_of_a_second_is_no_stall(lag_ns: int, count: int) -> None:
    """More than that is."""
    book = Book().steady()
    book.health.append(HealthRecord(process="edge", at_ns=5 * S, loop_lag_ns=lag_ns, cpu_ns=0))
    assert len(stalls(book.history(plan_of()).health)) == count


@pytest.mark.parametrize(
    ("expect", "book"),
    [
        ("max latency in fault < 800ms", caught_in(15, 3.0)),
        ("p95 fallback_overhead in fault < 800ms", None),
        ("p95 switch_gap in fault < 800ms", None),
        ("time_to_recover < 2s", None),
    ],
)
def test_every_time_is_excused_for_its_own_overlap(expect: str, book: Book | None) -> None:
    """Waits between attempts, and the moment of recovery, as well as latency."""
    if book is None:
        book = Book()
        for place in range(100):
            at_s = 14.9 + 0.001 * place
            book.request(at_s, fails(503), Try(at="azure", after_s=3.2))
        book.request(41, Try(took_s=3.1))
    for from_s in (15, 41):
        halted(healthy(book, "edge") if from_s == 15 else book, "edge", from_s=from_s, length_s=3.0)
    found = row(expect, book)
    assert (found.status, "the edge process stalled for 3 s" in found.message) == (Status.INCONCLUSIVE, True)


def test_a_caller_who_left_during_a_stall_proves_nothing() -> None:
    """Neither that it would have waited longer, nor that no token would have come."""
    book = Book()
    for place in range(100):
        book.request(15 + 0.001 * place, outcome="deadline", end_ns=ns(20 + 0.001 * place), streaming=True)
    halted(healthy(book, "edge"), "edge", from_s=15, length_s=4.9)
    assert row("p95 latency in fault < 2s", book, deadline_s=5).status is Status.INCONCLUSIVE
    assert row("p95 ttft in fault < 2s", book, deadline_s=5).status is Status.INCONCLUSIVE
    assert row("p95 latency in fault < 50ms", book, deadline_s=5).status is Status.FAIL


def test_a_pass_stays_a_pass() -> None:
    """A stall only lengthens."""
    book = halted(healthy(caught_in(15, 3.0), "edge"), "edge", from_s=15, length_s=3.0)
    assert row("p95 latency in fault < 9s", book).status is Status.PASS
    assert row("p95 latency in fault > 2s", book).status is Status.INCONCLUSIVE


spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)), max_size=6)


@given(found=spans, asked=spans)
def test_overlaps_count_once(found: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    """However many processes stalled at once: counted in unit steps."""
    halts = [
        Stall(process=f"p{place}", from_ns=start, to_ns=start + length, length_ns=length)
        for place, (start, length) in enumerate(found)
    ]
    covered = {step for start, length in found for step in range(start, start + length)}
    expected = [len(covered & set(range(start, start + length))) for start, length in asked]
    starts = np.array([start for start, _ in asked], dtype=float)
    ends = np.array([start + length for start, length in asked], dtype=float)
    assert overlap_ns(halts, starts, ends).tolist() == expected


def test_a_stall_began_at_any_time_since_the_record_before() -> None:
    """A stall that begins just after a record shows one interval late."""
    book = halted(healthy(Book(), "edge"), "edge", from_s=15, length_s=3.0)
    (stall,) = stalls(book.history(plan_of()).health)
    assert (stall.from_ns, stall.to_ns, stall.length_ns) == (15 * S - HEALTH_EVERY_NS, 18 * S, 3 * S)
