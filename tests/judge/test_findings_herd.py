"""Checks of how a run's retries lie in time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.findings.lockstep_retries import LOCKSTEP_NS, neighbours
from harness.judge.result import Status
from harness.provider.dialects import DIALECTS
from harness.quantities import MS
from harness.scenario import Plan
from tests.judge.histories import OUTAGE, Book, Try, fails, look, plan_of

PLAN = plan_of(faults=[OUTAGE])


def _retries(gaps_s: list[float], *, told_s: float | None = None, spacing_s: float = 0.37) -> Book:
    """Return one request with one retry for each gap."""
    book = Book()
    for place, gap_s in enumerate(gaps_s):
        book.request(10.1 + spacing_s * place, fails(503, told_s=told_s), Try(after_s=gap_s))
    return book


@pytest.mark.parametrize(
    ("quick", "slow", "status"),
    [
        (11, 9, Status.FAIL),
        (10, 10, Status.PASS),
        (19, 0, Status.INCONCLUSIVE),
        (20, 0, Status.FAIL),
    ],
)
def test_over_half_of_twenty_retries_at_once(quick: int, slow: int, status: Status) -> None:
    """Over half, of at least twenty."""
    book = _retries([0.049] * quick + [0.051] * slow)
    seen = look("no_backoff", book.run(PLAN))
    assert seen.status is status
    assert seen.samples == quick + slow


def test_a_retry_at_the_time_told_is_no_missing_backoff() -> None:
    """A Retry-After of nothing asks for a retry at once."""
    book = _retries([0.001] * 40, told_s=0.0)
    assert look("no_backoff", book.run(PLAN)).samples == 0


def _double(after_s: float) -> tuple[Try, Try]:
    refused = {"status": None, "outcome": "refused", "took_s": 0.001}
    return fails(**refused, after_s=after_s), fails(**refused, after_s=0.002)


def _doubles(plan: Plan, *waits_s: float) -> tuple[Status, int, int]:
    book = Book()
    for place in range(12):
        tries = [one for wait_s in waits_s for one in _double(wait_s)]
        book.request(10 + place, *tries, Try(at="azure"))
    seen = look("no_backoff", book.run(plan))
    return seen.status, seen.count, seen.samples


def test_a_client_librarys_double_send_is_one_try() -> None:
    """Two connection tries 2 ms apart, then a wait: the chain does back off."""
    assert _doubles(PLAN, 0, 1.0, 2.0) == (Status.PASS, 0, 24)


def test_connection_tries_without_end_are_not_double_sends() -> None:
    """Six tries in a row at once cannot all be the library's."""
    assert _doubles(PLAN, 0.002, 0.002, 0.002) == (Status.FAIL, 24, 24)


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_a_double_send_is_one_try_whatever_the_provider(dialect: str) -> None:
    """LiteLLM's client library doubles the connection tries at Gemini, OpenRouter and DeepSeek as well."""
    assert _doubles(plan_of(faults=[OUTAGE], dialect=dialect), 0, 1.0, 2.0) == (Status.PASS, 0, 24)


def test_a_gateways_second_try_at_once_is_its_own() -> None:
    """No client library is known that doubles its connection tries."""
    assert _doubles(plan_of(faults=[OUTAGE], endpoint=True), 0, 1.0) == (Status.FAIL, 24, 36)


@pytest.mark.parametrize(("lag_s", "status"), [(0.25, Status.FAIL), (0.251, Status.INCONCLUSIVE)])
def test_a_stalled_machine_cannot_decide(lag_s: float, status: Status) -> None:
    """Retries after a stall may come at once through no fault of the chain."""
    book = _retries([0.0] * 30)
    book.lag(15, lag_s)
    assert look("no_backoff", book.run(PLAN)).status is status


@pytest.mark.parametrize(
    ("at_s", "status"),
    [(10.0, Status.FAIL), (20.5, Status.INCONCLUSIVE), (21.3, Status.INCONCLUSIVE), (22, Status.FAIL)],
)
def test_a_stall_counts_from_the_first_to_the_last_retry(at_s: float, status: Status) -> None:
    """The last of them is at 20.8 s; a stall is written down when it is over."""
    book = _retries([0.0] * 30)
    book.lag(at_s, 0.5)
    assert look("no_backoff", book.run(PLAN)).status is status


def test_a_stall_in_the_drain_matters() -> None:
    """Retries may go on when the last phase is over."""
    book = Book()
    for place in range(30):
        book.request(59.5 + 0.01 * place, fails(503, took_s=5), Try(), phase="recovery")
    book.lag(65, 3.0)
    assert look("no_backoff", book.run(PLAN)).status is Status.INCONCLUSIVE


def test_a_stall_in_another_phase_does_not_matter() -> None:
    """Only while retries go on must nothing stall."""
    book = _retries([0.0] * 30)
    book.lag(45, 3.0)
    assert look("no_backoff", book.run(PLAN)).status is Status.FAIL


def _herd(size: int, *, apart_s: float = 0.0, loners: int = 0) -> Book:
    """Return requests that arrive one by one and all retry at 20 s, and some that retry alone."""
    book = Book()
    for place in range(size):
        at_s = 12 + 0.1 * place
        book.request(at_s, fails(503), Try(after_s=20 + apart_s * place - at_s))
    for place in range(loners):
        book.request(22 + 0.3 * place, fails(503), Try(after_s=1.0))
    return book


@pytest.mark.parametrize(
    ("size", "loners", "status"),
    [(10, 0, Status.FAIL), (9, 0, Status.PASS), (12, 11, Status.FAIL), (12, 12, Status.PASS)],
)
def test_ten_retries_at_once(size: int, loners: int, status: Status) -> None:
    """Ten together is a herd, nine is not, and over half of all must be in one."""
    book = _herd(size, loners=loners)
    seen = look("lockstep_retries", book.run(PLAN))
    assert seen.status is status
    assert seen.samples == size + loners


def test_a_dense_stream_is_no_herd() -> None:
    """At 1,000 arrivals a second, nine retries lie within 10 ms of any by chance."""
    plan = plan_of(faults=[OUTAGE], rate=1000.0)
    book = Book()
    for place in range(300):
        book.request(12 + 0.001 * place, fails(503), Try(after_s=1.0))
    assert look("lockstep_retries", book.run(plan)).status is Status.PASS
    assert look("lockstep_retries", book.run(PLAN)).status is Status.FAIL


def test_lockstep_cannot_be_told_from_a_stall() -> None:
    """A stalled loop lets go of all its retries at once."""
    book = _herd(30)
    book.lag(20, 0.3)
    assert look("lockstep_retries", book.run(PLAN)).status is Status.INCONCLUSIVE


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), min_size=1, max_size=60))
def test_neighbours_are_counted_by_request(points: list[tuple[int, int]]) -> None:
    """The quick count is the one that looks at every pair."""
    at_ns = np.array([float(at * MS) for at, _ in points])
    request = np.array([who for _, who in points])
    slow = [
        len({who for at, who in zip(at_ns, request, strict=True) if abs(at - mine) <= LOCKSTEP_NS} - {me})
        for mine, me in zip(at_ns, request, strict=True)
    ]
    assert neighbours(at_ns, request).tolist() == [slow[place] for place in np.argsort(at_ns, kind="stable")]
