"""Settings on real parts beside virtual time: which are played, when both may be the same, and what an interruption leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain.home import AT_HOME
from harness.engines import Quiet
from harness.experiment.live import Interrupted
from harness.experiment.prepare import opened
from harness.experiment.replays.choosing import choose
from harness.experiment.replays.players import Play
from harness.experiment.replays.playing_live import LivePlay
from harness.experiment.replays.staging import callers, cut_for, together
from harness.experiment.tuning.proving import Point, proved
from harness.incident.cutting import PlayedPart
from harness.incident.numbers import OutageNumbers, SampledNumber, by_chance
from harness.incident.tuned import Proof
from harness.incident.variants import hits, variants, worst

CHAINS = Path(__file__).parents[3] / "scenarios" / "chains"
PART = PlayedPart(real_start_ns=0, real_ns=10**11, start_ns=0, length_ns=10**11, sample_ns=(0, 10**11))
NEVER: Callable[[], bool] = lambda: False  # noqa: E731


def numbers(lost: float) -> OutageNumbers:
    """Return what an incident of 100 s at 2/s came to, all of which was played."""
    share, unserved = (SampledNumber(low=each, value=each, high=each) for each in (lost, lost * 0.5e9))
    return OutageNumbers(
        requests=200.0, lost=share, unserved_ns=unserved, late_ns=None, cost_usd=None, spent_usd=None, attempts=0.0
    )


def proof(simulated: float, live: float) -> Proof:
    """Return how two numbers of lost requests compare."""
    both = [by_chance(numbers(each), 2.0, [PART]) for each in (simulated, live)]
    return Proof(values={}, incident="x", simulated=both[0], live=both[1], run=None, error="")


@given(st.integers(0, 200))
def test_chance_leaves_something_open(lost: int) -> None:
    """Also where nothing was lost, or everything."""
    found = by_chance(numbers(lost), 2.0, [PART])
    assert 0 <= found.low <= found.value <= found.high <= 1e11
    assert found.high > found.low


@pytest.mark.parametrize(
    ("simulated", "live", "agrees"), [(0, 2, True), (0, 40, False), (90, 110, True), (200, 150, False)]
)
def test_two_numbers_may_be_the_same(simulated: int, live: int, agrees: object) -> None:
    """If what chance leaves open of both meets."""
    assert proof(simulated, live).agrees is agrees
    assert proof(live, simulated).agrees is agrees


@pytest.fixture
def several() -> list[Point]:
    """Return three points on one incident."""
    chain = opened(CHAINS / "reference.yaml", AT_HOME)
    [group] = together(choose(["openai-2023-11-08-shed-429"]))
    load = callers()
    every = variants("shed", "title", hits(group, chain), load, cut_for(chain, load))
    play = Play(variant=worst(every), chain=chain)
    return [Point(values={"timeout": n}, incident="shed", play=play, numbers=numbers(n)) for n in range(3)]


def test_a_run_that_was_not_sound_proves_nothing(several: list[Point]) -> None:
    """Its reason is kept; the others are played all the same."""
    answers = iter([numbers(0), "the live run was not sound: late", numbers(2)])
    found = list(proved(several, lambda _play: LivePlay(numbers=next(answers), run=Path("x")), Quiet(), NEVER))
    assert [each.agrees for each in found] == [True, False, True]
    assert found[1].live is None
    assert found[1].error == "the live run was not sound: late"
    assert [each.values["timeout"] for each in found] == [0, 1, 2]


def test_an_interruption_leaves_what_was_played(several: list[Point]) -> None:
    """Whether it comes within a run or between two."""
    answers = iter([numbers(0)])

    def play_one(_play: Play) -> LivePlay:
        for each in answers:
            return LivePlay(numbers=each, run=None)
        raise Interrupted("interrupted")

    assert len(list(proved(several, play_one, Quiet(), NEVER))) == 1
    asked = iter([False, True])
    played = replace(several[0], numbers=numbers(0))
    [only] = proved([played] * 3, lambda _play: LivePlay(numbers=numbers(0), run=None), Quiet(), lambda: next(asked))
    assert only.agrees
