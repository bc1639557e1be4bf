"""An expectation where callers left unanswered: how long they would have waited is unknown."""

from __future__ import annotations

import math

import pytest

from harness.judge import Status, judge
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of, row_of


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        ("max latency <= 59s", Status.FAIL),
        ("max latency <= 60s", Status.INCONCLUSIVE),
        ("max latency <= 90s", Status.INCONCLUSIVE),
        ("max latency >= 60s", Status.PASS),
        ("max latency in baseline <= 1s", Status.PASS),
    ],
)
def test_who_left_would_have_waited_nobody_knows_how_long(expect: str, status: Status) -> None:
    """At least the deadline: enough to break a limit, never enough to keep one."""
    book = Book().steady()
    book.request(12, fails(503), outcome="deadline", end_ns=ns(72))
    row = row_of(expect, book)
    assert row.status is status
    assert ("1 of 21 ended unanswered" in row.message) == (status is Status.INCONCLUSIVE)
    assert row.needed is None


def test_a_stream_without_a_first_token_waited_for_ever() -> None:
    """That it ended soon is no quick first token, whatever the limit."""
    book = Book()
    book.request(12, Try(), streaming=True)
    assert row_of("max ttft < 1s", book).status is Status.PASS
    book.request(13, fails(503), streaming=True)
    row = row_of("max ttft < 90s", book)
    assert (row.status, row.observed) == (Status.FAIL, math.inf)
    assert row.message == "1 of 2 never came; limit < 90 s"


def _leaving(served: int, gone: int) -> Book:
    """Return requests that azure serves after 1 s, and others whose callers leave after 5 s at a silent openai."""
    book = Book()
    for place in range(served):
        book.request(11 + 0.02 * place, fails(503), Try(at="azure", after_s=1.0))
    for place in range(gone):
        at_s = 31 + 0.001 * place
        silent = fails(None, outcome="client_left", took_s=4.995)
        book.request(at_s, silent, outcome="deadline", end_ns=ns(at_s + 5), complete=False)
    return book


@pytest.mark.parametrize("metric", ["latency", "fallback_overhead"])
@pytest.mark.parametrize(
    ("served", "gone", "limit", "status"),
    [
        (0, 212, "30s", Status.INCONCLUSIVE),
        (0, 212, "5100ms", Status.INCONCLUSIVE),
        (0, 212, "4s", Status.FAIL),
        (200, 12, "30s", Status.INCONCLUSIVE),
        (200, 12, "2s", Status.INCONCLUSIVE),
        (200, 1, "2s", Status.PASS),
        (200, 1, "30s", Status.PASS),
        (200, 30, "2s", Status.FAIL),
        (200, 0, "2s", Status.PASS),
    ],
)
def test_the_wait_of_those_who_left_has_no_known_end(
    metric: str, served: int, gone: int, limit: str, status: Status
) -> None:
    """A quantile that they decide can break an upper limit, and keeps none that is longer than they waited."""
    plan = plan_of(f"p95 {metric} in fault < {limit}", faults=[OUTAGE], deadline_s=5)
    (row,) = judge(_leaving(served, gone).run(plan)).expectations
    assert row.status is status
    if status is Status.INCONCLUSIVE:
        assert row.ci is not None
        assert row.ci[1] == math.inf
        assert (f"{gone} of {served + gone} ended unanswered" in row.message) == (limit != "2s")


def test_no_caller_is_left_out_of_the_overhead() -> None:
    """One who tried the first provider and left unserved waited at least that long; one who skipped it tried no fallback."""
    book = _leaving(3, 2)
    book.request(33, Try(at="azure", status=503), outcome="deadline", end_ns=ns(38), complete=False)
    row = row_of("max fallback_overhead in fault <= 4s", book)
    assert (row.samples, row.observed) == (5, ns(4.995))
    assert row.status is Status.FAIL
