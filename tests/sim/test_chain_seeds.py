"""Random draws of a chain: by a seed of their own they vary while the plan stays, and chance is no change of behaviour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from harness.experiment.prepare import Loaded, load
from harness.judge import RunData, judge
from harness.judge.comparison.behaviour import RUNS, Behaviour, behaviour_of, effects
from harness.scenario.shipped import located
from harness.sim import ChainEngine
from tests.sim.worlds import MIXED, digest, small

CHAIN = Path(__file__).parents[2] / "scenarios" / "chains" / "gpt4-azure-claude.yaml"
PAIRS = 20


@pytest.fixture(scope="module")
def router() -> Iterator[ChainEngine]:
    """Give an engine with LiteLLM's Router."""
    engine = ChainEngine(load(located(Path("smoke/rate-limit.yaml")), chain=CHAIN).chain)
    yield engine
    engine.end()


def _behaviour(engine: ChainEngine, loaded: Loaded, seed: int) -> Behaviour:
    run = RunData.of(loaded.plan, engine.run(loaded.plan, chain_seed=seed).history)
    return behaviour_of(run, judge(run))


def test_a_chain_seed_changes_the_chain_s_waits_and_nothing_of_the_plan(tmp_path: Path) -> None:
    """The same seed gives the same history again; another one the same arrivals and faults, and other waits."""
    loaded = small(tmp_path, "reference", *MIXED)
    engine = ChainEngine(loaded.chain)
    try:
        first, again, other = (engine.run(loaded.plan, chain_seed=seed).history for seed in (1, 1, 2))
    finally:
        engine.end()

    assert digest(first) == digest(again)
    assert digest(first) != digest(other)
    assert list(first.requests["scheduled_ns"]) == list(other.requests["scheduled_ns"])
    assert list(first.faults["applied_ns"]) == list(other.faults["applied_ns"])


@pytest.mark.parametrize("scenario", ["rate-limit", pytest.param("everything-down", marks=pytest.mark.slow)])
def test_chance_is_no_change(router: ChainEngine, scenario: str) -> None:
    """The null test: the same LiteLLM by other seeds, 20 pairs of five runs each, and no difference in any."""
    loaded = load(located(Path(f"smoke/{scenario}.yaml")), chain=CHAIN)
    runs = [_behaviour(router, loaded, seed) for seed in range(1, 4 * RUNS + 1)]
    random = Random(1)
    picked = [random.sample(runs, 2 * RUNS) for _ in range(PAIRS)]

    assert [effects(runs[:RUNS], runs[RUNS:]) for runs in picked] == [()] * PAIRS
    assert len({repr(sorted(run.items())) for run in runs}) == len(runs)
