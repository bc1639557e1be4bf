"""Which worker sends which arrivals."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.live.load.shares import shares
from harness.scenario.plan import Arrival


def arrival(number: int, after: str | None = None) -> Arrival:
    """Return an arrival a millisecond after the one before."""
    return Arrival(
        request_id=f"req-{number:06d}", scheduled_ns=number * 10**6, phase="steady", streaming=False, after=after
    )


@st.composite
def plans(draw: st.DrawFn) -> tuple[Arrival, ...]:
    """Arrivals of which some are the next turn of an earlier one that has none yet."""
    found: list[Arrival] = []
    free: list[str] = []
    for number in range(draw(st.integers(0, 60))):
        after = free.pop(draw(st.integers(0, len(free) - 1))) if free and draw(st.booleans()) else None
        found.append(arrival(number, after))
        free.append(found[-1].request_id)
    return tuple(found)


@given(plans(), st.integers(1, 9))
def test_every_arrival_goes_out_once_and_conversations_stay_together(plan: tuple[Arrival, ...], workers: int) -> None:
    """Together the shares are the plan, each in its order, and a turn is where the turn before is."""
    found = shares(plan, workers)
    assert len(found) == workers
    assert sorted((each for share in found for each in share), key=lambda each: each.scheduled_ns) == list(plan)
    for share in found:
        assert list(share) == sorted(share, key=lambda each: each.scheduled_ns)
        own = {each.request_id for each in share}
        assert all(each.after is None or each.after in own for each in share)


@given(plans(), st.integers(1, 9))
def test_first_turns_are_dealt_in_turn(plan: tuple[Arrival, ...], workers: int) -> None:
    """So the rate of each worker is the same share of the whole at every moment."""
    first = [each for each in plan if each.after is None]
    for place, share in enumerate(shares(plan, workers)):
        assert [each for each in share if each.after is None] == first[place::workers]
