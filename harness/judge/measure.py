"""Every number of a run, per phase, per kind of request and per provider, and the harness's own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from harness.history.records import GATEWAY
from harness.judge.intervals import quantile
from harness.judge.metrics import MAX, METRICS, QUANTILES, RUN, Measured, Metric, Scope, key
from harness.judge.metrics.declaration import Group
from harness.judge.metrics.memory_max import largest_by_process
from harness.judge.metrics.scope import within
from harness.judge.result import Metrics, Value

if TYPE_CHECKING:
    import pandas as pd

    from harness.history import History
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Floats
    from harness.scenario import Phase, Plan

UNSEEN = "connections that a chain in another program tried and did not get are not observable"
REWRITTEN = "the chain rewrites answers, so that their completeness is unknown"
NEVER_BEGUN = "never begun"


def measure(run: RunData) -> Metrics:
    """Return all numbers of a run."""
    phases = {phase.name: _numbers(Scope.of_phase(run, phase), "phase") for phase in run.plan.phases}
    phases[RUN] = _numbers(Scope.of_phase(run, None), "phase")
    several = run.columns.kinds if len(run.columns.kinds) > 1 else ()
    kinds: dict[str, dict[str, dict[str, Value]]] = {kind: _of_kind(run, kind) for kind in several}
    providers = {
        name: _numbers(Scope.of_provider(run, place), "provider") for place, name in enumerate(run.columns.providers)
    }
    return Metrics(phases=phases, kinds=kinds, providers=providers, harness=_harness(run))


def _of_kind(run: RunData, kind: str) -> dict[str, dict[str, Value]]:
    found = {phase.name: _numbers(Scope.of_phase(run, phase, kind), "kind") for phase in run.plan.phases}
    return {**found, RUN: _numbers(Scope.of_phase(run, None, kind), "kind")}


def measured(
    run: RunData, metric: Metric, phase: Phase | None, *, kind: str | None = None, argument: str | None = None
) -> Measured:
    """Return one metric of a phase, or of the whole run for None.

    Args:
        run: The run.
        metric: Which.
        phase: The phase.
        kind: Only of requests of this kind; of all if None.
        argument: What it is asked about, where it takes an argument; None for all of it.
    """
    return metric.measure(replace(Scope.of_phase(run, phase, kind), argument=argument))


def _numbers(scope: Scope, group: Group) -> dict[str, Value]:
    found: dict[str, Value] = {}
    columns = scope.run.columns
    blind = bool((columns.requests.blind & scope.requests).any())
    rewritten = bool((columns.rewritten & scope.requests).any())
    for name, metric in METRICS.items():
        if group not in metric.groups:
            continue
        why = "" if scope.begun else NEVER_BEGUN
        if rewritten and metric.served:
            why = REWRITTEN
        if blind and metric.seen_by == "edge":
            why = UNSEEN
        if metric.across:
            why = why or scope.run.apart
        for argument in (None, *_arguments(scope.run.plan, name)):
            for statistic, value in metric.measure(replace(scope, argument=argument)).values(metric.unit).items():
                shown = Value(value=None, samples=0, unit=metric.unit, why=why) if why else value
                found[key(name, statistic, argument)] = shown
    return found


def _arguments(plan: Plan, metric: str) -> dict[str, None]:
    """Return what the scenario's expectations ask of a metric in brackets, each once."""
    return {each.argument: None for each in plan.expectations if each.metric == metric and each.argument is not None}


def _harness(run: RunData) -> dict[str, Value]:
    requests, history = run.columns.requests, run.columns.history
    lag_ns = np.sort(dispatch_lag_ns(run))
    values = {key("dispatch_lag", name): _quantile(lag_ns, share) for name, share in QUANTILES.items()}
    values[key("dispatch_lag", MAX)] = _quantile(lag_ns, 1.0)
    for process, lags in measured_health(history).groupby("process")["loop_lag_ns"]:
        ordered = np.sort(lags.to_numpy(np.float64))
        values[f"loop_lag_{process}_p99"] = _quantile(ordered, 0.99)
        values[f"loop_lag_{process}_max"] = _quantile(ordered, 1.0)
    for process, most_bytes in largest_by_process(run, None).items():
        values[f"memory_max_{process}"] = Value(value=most_bytes, samples=1, unit="bytes")
    size = len(requests) + int(run.columns.missing.sum())
    return values | {
        "dropped": _count(int((~requests.sent).sum()), size),
        "lost": _count(lost(run), size),
        "orphans": _count(run.columns.orphans, len(run.columns.attempts) + run.columns.orphans),
        "foreign": _count(history.foreign, history.foreign),
    }


def lost(run: RunData) -> int:
    """Return how many records are missing: those that the history counts as lost, and planned requests without one."""
    return run.columns.history.lost + int(run.columns.missing.sum())


def dispatch_lag_ns(run: RunData) -> Floats:
    """Return how much later than planned each request was sent."""
    lag_ns = run.columns.requests.start_ns - run.columns.requests.scheduled_ns
    return lag_ns[~np.isnan(lag_ns)]


def measured_health(history: History, phase: Phase | None = None) -> pd.DataFrame:
    """Return the health records of our own parts in a phase, or in the run without its warm-up."""
    health = history.health
    ours = health[health["process"] != GATEWAY]
    return ours[within(ours["at_ns"].to_numpy(np.float64), phase)]


def _quantile(ordered_ns: Floats, share: float) -> Value:
    if not len(ordered_ns):
        return Value(value=None, samples=0, unit="ns", why="no observations")
    return Value(value=quantile(ordered_ns, share), samples=len(ordered_ns), unit="ns")


def _count(value: float, samples: int) -> Value:
    return Value(value=float(value), samples=samples, unit="count")
