"""The designs that people run, each held to its numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from harness.experiment.prepare import load
from harness.history import History
from harness.judge import RunData, Status, judge
from harness.quantities import MS, S
from harness.sim import run

ROOT = Path(__file__).parents[2] / "scenarios"
DESIGNS = sorted((ROOT / "designs").glob("*.yaml"))


def _play(name: str) -> History:
    loaded = load(ROOT / "designs" / f"{name}.yaml")
    return run(loaded.plan, loaded.chain).history


def _by_request(history: History) -> Iterator[pd.DataFrame]:
    for _, tried in history.attempts.sort_values("start_ns").groupby("request_id"):
        yield tried


def _waits(tried: pd.DataFrame) -> list[tuple[str, str, int]]:
    """Return each step of a request from an attempt to the next: from where, to where, and the wait between, in nanoseconds."""
    rows = tried[["provider", "start_ns", "end_ns"]].itertuples(index=False)
    return [(one.provider, two.provider, two.start_ns - one.end_ns) for one, two in pairwise(rows)]


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_every_scenario_of_a_design_passes(path: Path) -> None:
    """What the page says of the design is what it does."""
    loaded = load(path)
    verdict = judge(RunData.of(loaded.plan, run(loaded.plan, loaded.chain).history))
    assert verdict.status is Status.PASS, verdict.reasons


def test_seconds_2_4_8_waits_exactly_so() -> None:
    """Between the tries at one provider 2 s and 4 s, and none before the next provider; 402 and the like end the request."""
    for tried in _by_request(_play("seconds-2-4-8-errors")):
        waits = [(ns, one == two) for one, two, ns in _waits(tried)]
        assert waits == [(2 * S, True), (4 * S, True), (0, False)][: len(waits)]
    silent = [tried for tried in _by_request(_play("seconds-2-4-8-silence")) if "azure" in set(tried["provider"])]
    whole = [tried["start_ns"].iloc[-1] - tried["start_ns"].iloc[0] for tried in silent if len(tried) == 4]
    assert set(whole) == {96 * S}
    assert {len(tried) for tried in _by_request(_play("seconds-2-4-8-refusals"))} == {1}


def test_tiers_follow_the_asked_model() -> None:
    """Two tries a tier, half a second apart, none after the last, and `fast` never."""
    seen = set()
    for tried in _by_request(_play("model-tiers-coding")):
        assert all(ns == (500 * MS if one == two else 0) for one, two, ns in _waits(tried))
        seen.add(tuple(tried["provider"]))
    assert ("coding", "coding", "reasoning", "reasoning", "general", "general") in seen
    assert not any("fast" in tiers or "orchestrator" in tiers for tiers in seen)


def test_the_queue_waits_longer_before_the_second_fallback() -> None:
    """From 1 to 3 s, then from 2 to 6 s, and all of each range is used."""
    first: list[int] = []
    second: list[int] = []
    for tried in _by_request(_play("jittered-queue-spread")):
        assert list(tried["provider"]) == ["gpt-4", "gpt-35-turbo", "claude-haiku"][: len(tried)]
        for found, (_, _, ns) in zip((first, second), _waits(tried), strict=False):
            found.append(ns)
    assert S <= min(first) < 1200 * MS
    assert 2800 * MS < max(first) <= 3 * S
    assert 2 * S <= min(second) < 2400 * MS
    assert 5600 * MS < max(second) <= 6 * S


def test_every_change_of_a_breaker_is_recorded() -> None:
    """It opens after five failures in a row, is probed after 5 s, opens again while the fault lasts, and closes after it."""
    loaded = load(ROOT / "primary-503-outage.yaml", chain=ROOT / "chains" / "reference.yaml")
    states = run(loaded.plan, loaded.chain).history.states
    assert set(states["provider"]) == {"openai"}
    assert list(states["state"]) == ["open", "half-open"] * (len(states) // 2) + ["closed"]
    assert states["why"].iloc[0] == "5 failures in a row"
    assert set(states["why"].iloc[1:]) == {"its time is over", "a probe failed", "a probe succeeded"}
    opened = states["at_ns"][states["state"] == "open"].to_numpy()
    probed = states["at_ns"][states["state"] == "half-open"].to_numpy()
    assert ((probed - opened) >= 5 * S).all()
    (window,) = loaded.plan.timeline.windows
    assert window.start_ns < states["at_ns"].iloc[0] < window.end_ns < states["at_ns"].iloc[-1]
