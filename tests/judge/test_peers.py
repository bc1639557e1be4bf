"""Providers among which the chain picks at will: within such a set nobody is first."""

from __future__ import annotations

import pytest

from harness.judge import RUN, Status, journeys, measure
from harness.scenario import Fault, Inject
from tests.judge.histories import Book, Try, fails, look, ns, plan_of

ORDER = ("east", "west", "claude")
DEAD_EAST = Fault(on="east", during="fault", inject=Inject(status=503))
PLAN = plan_of(order=ORDER, peers=[("east", "west")], faults=[DEAD_EAST])
STRICT = plan_of(order=ORDER, faults=[DEAD_EAST])


def test_a_peer_is_not_out_of_order() -> None:
    """West before east is the chain's own choice, unless the two stand in an order."""
    book = Book()
    book.request(1, Try(at="west"))
    assert look("wrong_order", book.run(PLAN)).samples == 0
    assert look("wrong_order", book.run(STRICT)).status is Status.FAIL


def test_one_peer_that_was_tried_counts_for_all() -> None:
    """Claude after west alone is in order; Claude with neither of them tried is not."""
    book = Book()
    book.request(1, fails(503, at="west", fault=None), Try(at="claude"))
    assert look("wrong_order", book.run(PLAN)).status is Status.PASS
    book.request(2, Try(at="claude"))
    assert look("wrong_order", book.run(PLAN)).requests == ("req-000002",)


def test_a_peer_of_the_primary_is_no_fallback() -> None:
    """Neither reached, nor skipped, nor an overhead; Claude is all three where it comes first."""
    book = Book()
    book.request(12, fails(503, at="east"), Try(at="west", after_s=1))
    book.request(13, Try(at="west"))
    book.request(14, fails(503, at="west"), Try(at="claude", after_s=2))
    book.request(15, Try(at="claude"))
    table = journeys(book.run(PLAN))
    assert table["reached_fallback"].tolist() == [False, False, True, True]
    assert table["primary_skipped"].tolist() == [False, False, False, True]
    assert table["fallback_overhead_ns"].notna().tolist() == [False, False, True, False]


def test_times_to_and_from_the_fallback() -> None:
    """Only Claude is a fallback; either of the two first ones is a recovery."""
    book = Book()
    book.request(12, fails(503, at="east"), Try(at="west"))
    book.request(20, fails(503, at="west", fault=None), Try(at="claude"))
    book.request(44, Try(at="west"))
    values = measure(book.run(PLAN)).phases[RUN]
    assert values["time_to_fallback"].value == ns(20.03) - ns(10)
    assert values["time_to_recover"].value == ns(44.02) - ns(40)


def test_calls_of_a_peer_are_not_calls_of_the_dead_one() -> None:
    """Two attempts at east while it was dead, in four requests; those at west do not count."""
    book = Book()
    for at_s in (12, 13):
        book.request(at_s, fails(503, at="east"), Try(at="west"))
    for at_s in (14, 15):
        book.request(at_s, Try(at="west"))
    assert measure(book.run(PLAN)).phases["fault"]["primary_attempts_in_outage"].value == 0.5


@pytest.mark.parametrize(("at", "status"), [("west", Status.PASS), ("claude", Status.FAIL)])
def test_back_at_any_of_the_first(at: str, status: Status) -> None:
    """A chain that calls west again has left the fallback."""
    book = Book()
    for place in range(10):
        book.request(51 + place / 10, Try(at=at))
    assert look("stuck_on_fallback", book.run(PLAN)).status is status


@pytest.mark.parametrize(
    ("order", "status"), [(ORDER, Status.FAIL), (ORDER[:2], Status.INCONCLUSIVE), (("claude", *ORDER[:2]), Status.PASS)]
)
def test_a_peer_is_no_later_provider(order: tuple[str, ...], status: Status) -> None:
    """A request that failed at one of two last peers had no fallback left."""
    plan = plan_of(order=order, peers=[("east", "west")], faults=[DEAD_EAST])
    book = Book()
    book.request(12, fails(503, at="east"))
    assert look("fallback_never_fired", book.run(plan)).status is status
