"""What overlapping windows of one listener come to, as the nemesis of a live run has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import sim
from harness.quantities import S
from harness.scenario import Inject, Timeline, Window
from harness.sim.listener import Listener
from tests.plans import window
from tests.sim.worlds import small


def slow(place: int, start_s: int, end_s: int) -> Window:
    """Return a window in which connections are slow, each by another delay."""
    inject = Inject(connection="slow", delay=place * S)
    return window(inject, "a", fault_id=f"fault-{place}", start_ns=start_s * S, end_ns=end_s * S)


@pytest.mark.parametrize(
    ("windows", "acting"),
    [
        ([(2, 5)], [(2, 5)]),
        ([(2, 5), (2, 5)], [(2, 5), (None, None)]),
        ([(2, 5), (4, 8)], [(2, 5), (5, 8)]),
        ([(4, 8), (2, 5)], [(4, 8), (2, 4)]),
        ([(4, 5), (2, 8)], [(4, 5), (2, 8)]),
    ],
)
def test_the_earlier_in_the_file_holds(
    windows: list[tuple[int, int]], acting: list[tuple[int | None, int | None]]
) -> None:
    """A window in the shadow of another does not act, and one that comes out of it acts from then on."""
    made = tuple(slow(place, *each) for place, each in enumerate(windows, start=1))
    port = Listener.of(Timeline(windows=made), "a")
    expected = [tuple(None if at is None else at * S for at in each) for each in acting]
    assert [port.acts(each) for each in made] == expected


def test_a_delay_in_the_shadow_of_another_has_not_fired(tmp_path: Path) -> None:
    """Nobody was delayed by it, so it changed nothing."""
    injects = ("{connection: slow, delay: 100ms}", "{connection: slow, delay: 200ms}")
    loaded = small(tmp_path, "reference", *injects)
    faults = sim.run(loaded.plan, loaded.chain).history.faults.query("provider == 'openai'")
    assert faults["fired"].iloc[0] > 0
    assert faults["fired"].iloc[1] == 0
    assert faults["applied_ns"].isna().tolist() == [False, True]
