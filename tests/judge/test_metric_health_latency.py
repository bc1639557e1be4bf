"""The metrics `health_latency` and `health_keyed`."""

import pytest

from harness.history.records import ReadyRecord
from harness.judge import RunData, Status, judge, measure
from harness.quantities import MS, S
from tests.judge.histories import Book, Try, plan_of


def asked(at_s: float, took_ms: int | None = 3, status: int | None = 200, *, keyed: bool = False) -> ReadyRecord:
    """Return a question and its answer."""
    start_ns = int(at_s * S)
    end_ns = None if took_ms is None else start_ns + took_ms * MS
    return ReadyRecord(start_ns=start_ns, end_ns=end_ns, status=status, keyed=keyed)


def run(*ready: ReadyRecord, expect: str = "max health_latency in fault <= 500ms", lag_s: float = 0) -> RunData:
    """Return a quiet run in which a gateway was asked."""
    book = Book().steady()
    book.request(12, Try())
    book.lag(12.6, lag_s, process="runner")
    for second in range(30):
        book.lag(11 + second, 0, process="runner")
    return book.run(plan_of(expect), ready=ready)


def test_it_is_the_time_to_an_answer_in_the_phase() -> None:
    """Each question counts, in the phase in which it was asked."""
    metrics = measure(run(asked(9, 900), asked(12, 3), asked(13, 8, keyed=True), asked(45, 700)))
    number = metrics.phases["fault"]["health_latency_max"]
    assert (number.value, number.samples) == (8 * MS, 2)
    assert metrics.phases["fault"]["health_keyed"].value == 1
    assert metrics.phases["run"]["health_latency_max"].value == 900 * MS


@pytest.mark.parametrize("broken", [asked(12, 2, 503), asked(12, None, None), asked(12, 2, 401)])
def test_another_answer_is_none(broken: ReadyRecord) -> None:
    """A quick 503 is no sign of health: it breaks every limit."""
    (row,) = judge(run(asked(11), broken)).expectations
    assert row.status is Status.FAIL
    assert "1 of 2 never came" in row.message


def test_an_address_that_wants_a_key_is_counted() -> None:
    """Also where there is no key to give."""
    looked = run(asked(12, 2, 401), asked(13, 2, 200), expect="health_keyed in fault <= 0")
    (row,) = judge(looked).expectations
    assert (row.status, row.observed, row.samples) == (Status.FAIL, 1, 2)


def test_the_slowest_is_named_by_its_time() -> None:
    """No request belongs to it."""
    (row,) = judge(run(asked(12), asked(14, 700))).expectations
    assert row.message == "700 ms (at 14 s, the largest of 2); limit <= 500 ms"


@pytest.mark.parametrize(("lag_s", "status"), [(0.4, Status.INCONCLUSIVE), (0.0, Status.FAIL)])
def test_a_stall_of_ours_excuses_it(lag_s: float, status: Status) -> None:
    """The runner asks: while it is held up, so is the answer."""
    (row,) = judge(run(asked(12.1, 600), lag_s=lag_s)).expectations
    assert row.status is status


@pytest.mark.parametrize("expect", ["max health_latency <= 500ms", "health_keyed <= 0"])
def test_where_nobody_was_asked_it_is_inconclusive(expect: str) -> None:
    """No address, or a run in virtual time."""
    (row,) = judge(run(expect=expect)).expectations
    assert (row.status, row.observed) == (Status.INCONCLUSIVE, None)
    assert row.message.startswith("no gateway was asked whether it is ready")
