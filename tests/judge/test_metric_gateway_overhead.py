"""The metric `gateway_overhead`."""

import pytest

from harness.judge import Status, judge, measure
from harness.quantities import MS
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of, row_of


def test_only_the_time_before_the_first_and_after_the_serving_attempt_counts() -> None:
    """4 ms before, 5 ms after; failed attempts, waits between them and late dispatch are not the gateway's own time."""
    book = Book().steady()
    book.request(11, fails(took_s=1), Try(at="azure", after_s=2, took_s=3))
    number = measure(book.run(plan_of(faults=[OUTAGE]))).phases["fault"]["gateway_overhead_max"]
    assert (number.value, number.samples) == (9 * MS, 1)


@pytest.mark.parametrize("nobody", [(), (fails(),)])
def test_a_request_that_nobody_served_has_none(nobody: tuple[Try, ...]) -> None:
    """Its end is no answer of the gateway's to measure, so the number is not known."""
    book = Book().steady()
    book.request(11, *nobody)
    row = row_of("max gateway_overhead in fault <= 1s", book)
    assert (row.status, row.observed) == (Status.INCONCLUSIVE, None)
    assert row.message == "no request was served by an attempt that is on record"


@pytest.mark.parametrize(
    ("at_s", "status"), [(11.5, Status.INCONCLUSIVE), (14.7, Status.INCONCLUSIVE), (5.0, Status.FAIL)]
)
def test_a_stall_before_or_after_the_attempts_excuses_it(at_s: float, status: Status) -> None:
    """Both stretches are looked at, not only the first: the caller's answer came late because the machine stood still."""
    book = Book().steady()
    book.request(11, Try(after_s=0.6, took_s=3), end_ns=int(15.2e9))
    book.lag(at_s, 0.4, process="load")
    for quiet_s in range(60):
        book.lag(quiet_s, 0.0, process="load")
    plan = plan_of("max gateway_overhead in fault <= 1s", faults=[OUTAGE])
    (row,) = judge(book.run(plan)).expectations
    assert row.observed == pytest.approx(1.199e9)
    assert row.status is status
