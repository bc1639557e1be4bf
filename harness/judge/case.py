"""All that the judge looks at, worked out once: columns, ways, pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.history import History
from harness.judge.columns import Bools, Columns, Floats, Ints
from harness.judge.joining import columns
from harness.judge.outages import Outage, merged
from harness.judge.pairs import Pairs, consecutive, retries, switches
from harness.judge.ways import Journeys, follow
from harness.scenario import Phase, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A run, ready to be judged.

    Attributes:
        columns: Requests and attempts.
        ways: Each request's way through the chain.
        gaps: Consecutive pairs of the same provider, the first failed.
        switches: Consecutive pairs of two providers, the first failed.
        retries: Each failed attempt and the request's next one at the same provider, others between them or not.
        outages: When the first provider, or a peer of it, was under a fault.
    """

    columns: Columns
    ways: Journeys
    gaps: Pairs
    switches: Pairs
    retries: Pairs
    outages: tuple[Outage, ...]

    @property
    def plan(self) -> Plan:
        """What was to happen."""
        return self.columns.plan

    @property
    def end_ns(self) -> int:
        """End of the last phase."""
        return self.plan.phases[-1].end_ns

    def among(self, phase: Phase | None) -> Bools:
        """Return which requests belong to a phase; all of them for None."""
        if phase is None:
            return np.ones(len(self.columns.requests), dtype=bool)
        mask: Bools = self.columns.requests.phase == self.plan.phases.index(phase)
        return mask


def case(plan: Plan, history: History) -> Case:
    """Return a run as the judge looks at it."""
    table = columns(plan, history)
    pairs = consecutive(table.attempts)
    same = table.attempts.provider[pairs.before] == table.attempts.provider[pairs.after]
    return Case(
        columns=table,
        ways=follow(table),
        gaps=pairs.where(pairs.failed & same),
        switches=switches(table.attempts, pairs),
        retries=retries(table.attempts),
        outages=merged(plan, table.first),
    )


def distribution(run: Case, metric: str, among: Bools) -> tuple[Floats, Ints]:
    """Return the observations of a distribution metric, and the request of each.

    Args:
        run: The run.
        metric: As in METRICS, or one of the two parts of `fallback_overhead`.
        among: Which requests count.
    """
    values: Floats
    if metric in ("retry_gap", "switch_gap"):
        pairs = run.gaps if metric == "retry_gap" else run.switches
        request, values = run.columns.attempts.request[pairs.before], pairs.gap_ns
    else:
        values = {
            "latency": run.ways.latency_ns,
            "ttft": run.ways.ttft_ns,
            "attempts": run.ways.attempts.astype(np.float64),
            "fallback_overhead": run.ways.overhead_ns,
            "fallback_overhead_failed": run.ways.failed_ns,
            "fallback_overhead_waiting": run.ways.waiting_ns,
        }[metric]
        request = np.arange(len(values))
    counts = among[request] & ~np.isnan(values)
    return values[counts], request[counts]
