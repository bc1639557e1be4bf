"""A run with a changed chain, played by a process that simulates: only what became of its requests is kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness import sim
from harness.chain import Chain
from harness.judge import RunData, judge, measure, metrics_json
from harness.judge.comparison.counterfactual import REPRODUCED_BY, Outcomes, outcomes
from harness.messages import Failed
from harness.scenario import Plan
from harness.sim.warm import answered


@dataclass(frozen=True, slots=True, kw_only=True)
class TryPlan:
    """What a simulating process is asked.

    Attributes:
        plan: What to do.
        chain: The chain, with its secrets.
    """

    plan: Plan
    chain: Chain = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPlan:
    """What it answers.

    Attributes:
        outcomes: Of each request.
        phases: The numbers that a simulation is held against, as in metrics.json.
    """

    outcomes: Outcomes
    phases: dict[str, dict[str, Any]]


def tried_plan(asked: TryPlan) -> TriedPlan | Failed:
    """Simulate a plan, in a fork of this process."""
    return answered(asked.chain, partial(_tried, asked))


def _tried(asked: TryPlan) -> TriedPlan:
    data = RunData.of(asked.plan, sim.run(asked.plan, asked.chain).history)
    metrics = measure(data)
    phases = metrics_json(metrics)["phases"]
    return TriedPlan(
        outcomes=outcomes(data, judge(data, metrics)),
        phases={
            phase: {name: values[name] for name in REPRODUCED_BY if name in values} for phase, values in phases.items()
        },
    )
