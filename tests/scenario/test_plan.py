"""The plan: arrivals, windows, digest."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.experiment.prepare import Loaded, load
from harness.scenario import Fault, Inject, Load, Plan, Scenario, compile_plan

LOADED: Loaded = load(Path(__file__).parents[2] / "scenarios" / "primary-429.yaml")


def plan(**changes: object) -> Plan:
    """Return the demo's plan with some of the scenario's fields changed."""
    scenario: Scenario = replace(LOADED.scenario, **changes)  # type: ignore[arg-type]
    return compile_plan(scenario, LOADED.chain, ())


@given(
    rate=st.floats(0.1, 50),
    seed=st.integers(0, 1000),
    lengths=st.lists(st.integers(1, 20 * 10**9), min_size=1, max_size=4),
    arrivals=st.sampled_from(["poisson", "constant"]),
)
def test_arrivals_lie_in_their_phases(rate: float, seed: int, lengths: list[int], arrivals: str) -> None:
    """Every arrival belongs to the phase of its intended start; ids are unique, in order, of one width."""
    phases = {f"p{place}": length for place, length in enumerate(lengths)}
    made = plan(load=Load(rate=rate, arrivals=arrivals), phases=phases, seed=seed, faults=())  # type: ignore[arg-type]
    by_name = {phase.name: phase for phase in made.phases}
    for arrival in made.arrivals:
        assert by_name[arrival.phase].start_ns <= arrival.scheduled_ns < by_name[arrival.phase].end_ns
    assert all(a.scheduled_ns <= b.scheduled_ns and a.request_id < b.request_id for a, b in pairwise(made.arrivals))
    assert len({len(arrival.request_id) for arrival in made.arrivals}) <= 1


def test_poisson_arrivals_keep_their_rate() -> None:
    """A thousand seconds at 10/s: the count within five standard deviations, the gaps exponential (CV near 1)."""
    made = plan(phases={"all": 1000 * 10**9}, faults=())
    gaps = [b.scheduled_ns - a.scheduled_ns for a, b in pairwise(made.arrivals)]
    assert abs(len(made.arrivals) - 10_000) < 500
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation / mean == pytest.approx(1, abs=0.05)


def test_constant_arrivals_are_evenly_spaced() -> None:
    """`constant` at 10/s: one every 100 ms, from the origin on."""
    made = plan(load=Load(rate=10.0, arrivals="constant"), phases={"all": 10**9}, faults=())
    assert [arrival.scheduled_ns for arrival in made.arrivals] == [place * 10**8 for place in range(10)]


def test_the_same_input_gives_the_same_plan() -> None:
    """The digest covers everything that the run follows, and the seed."""
    assert plan() == plan()
    assert plan().digest == plan().digest
    assert plan(seed=2).digest != plan().digest
    assert plan(title="another").digest != plan().digest


def test_what_a_good_chain_does_is_kept_and_tests_nothing() -> None:
    """The scenario's words are for the report: the same test without them has the same digest."""
    made = plan(correct="The next provider serves.")
    assert made.correct == "The next provider serves."
    assert made.digest == plan().digest


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    """Arrivals are keyed by their place: what comes later never moves what came before."""
    short = plan(phases={"all": 10 * 10**9}, faults=()).arrivals
    assert plan(phases={"all": 20 * 10**9}, faults=()).arrivals[: len(short)] == short


def test_the_streaming_share() -> None:
    """0 % none, 100 % all, 30 % about a third."""
    for part, low, high in [(0.0, 0, 0), (1.0, 653, 653), (0.3, 140, 250)]:
        made = plan(load=replace(LOADED.scenario.load, streaming=part))
        assert low <= sum(arrival.streaming for arrival in made.arrivals) <= high


@pytest.mark.parametrize(
    ("inject", "resets", "closes"),
    [
        (Inject(connection="reset"), True, False),
        (Inject(stream="reset"), True, False),
        (Inject(connection="close"), False, True),
        (Inject(stream="cut"), False, True),
        (Inject(connection="refused"), False, False),
        (Inject(stream="end"), False, False),
        (Inject(status=503), False, False),
    ],
)
def test_how_a_providers_connections_end_is_known_beforehand(inject: Inject, resets: bool, closes: bool) -> None:
    """By RST, by FIN, or as they should; what is done to another provider is no matter."""
    timeline = plan(faults=(Fault(on="primary", during="fault", inject=inject),)).timeline
    primary, fallback = LOADED.chain.order[:2]
    assert (timeline.resets(primary), timeline.closes(primary)) == (resets, closes)
    assert not timeline.resets(fallback)
    assert not timeline.closes(fallback)


SELECTED = [
    ({"first": 1}, "503 (first attempts)"),
    ({"first": 2}, "503 (the first 2 attempts of a request)"),
    ({"every": 10}, "503 (1 of 10 attempts)"),
    ({"models": ("a", "b")}, "503 (a, b)"),
    ({"streaming": True}, "503 (streams)"),
    ({"streaming": False}, "503 (plain answers)"),
    ({"share": 0.3}, "503 (30 % of attempts)"),
]


@pytest.mark.parametrize(("chosen", "text"), SELECTED)
def test_a_choice_of_attempts_reaches_the_window(chosen: dict[str, Any], text: str) -> None:
    """In fields for the edge, in words for people; such a window does not hit all."""
    fault = Fault(on="primary", during="fault", inject=Inject(status=503), **chosen)
    (window,) = plan(faults=(fault,)).timeline.windows
    assert window.text == text
    assert not window.hits_all
    assert {name: getattr(window, name) for name in chosen} == chosen
    (whole,) = plan(faults=(Fault(on="primary", during="fault", inject=fault.inject),)).timeline.windows
    assert whole.hits_all
