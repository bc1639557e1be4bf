"""How far a worker's clock is from its master's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.live.load.clock import ClockEstimate, RoundTrip, clock_name, estimate

NS = st.integers(0, 10**9)


def test_the_shortest_round_trip_counts() -> None:
    """A trip that was held up on one way is far off; the shortest is right to half its length."""
    trips = [
        RoundTrip(asked_ns=0, answered_ns=5_000_000, back_ns=4_000_000),
        RoundTrip(asked_ns=10_000_000, answered_ns=15_100_050, back_ns=10_000_100),
    ]
    assert estimate(trips) == ClockEstimate(offset_ns=5_100_000, bound_ns=50)


@given(st.integers(-(10**15), 10**15), st.lists(st.tuples(NS, NS, NS), min_size=1))
def test_the_true_offset_is_within_the_bound(offset_ns: int, trips: list[tuple[int, int, int]]) -> None:
    """Whatever the ways there and back take."""
    found = estimate(
        RoundTrip(asked_ns=at, answered_ns=at + there + offset_ns, back_ns=at + there + back)
        for at, there, back in trips
    )
    assert abs(found.offset_ns - offset_ns) <= found.bound_ns


def test_this_machine_has_one_clock() -> None:
    """Its name does not change, or two workers of one machine would be estimated."""
    assert clock_name() == clock_name()
