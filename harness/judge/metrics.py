"""Every number of a run, per phase and per provider, with its count and its certainty."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd

from harness.history import History
from harness.judge.intervals import count_interval, poisson, quantile, quantile_interval, wilson
from harness.judge.moments import Moment, time_to_fallback, time_to_recover
from harness.judge.result import Metrics, Value
from harness.judge.run_data import RunData, distribution
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats
from harness.judge.tables.outages import merged
from harness.scenario import Phase
from harness.scenario.expect import MAX, METRICS, QUANTILES

RUN = "run"
"""Name of the whole run among the phases."""
SECOND_NS = 10**9
DISTRIBUTIONS = (
    "latency",
    "ttft",
    "attempts",
    "retry_gap",
    "switch_gap",
    "fallback_overhead",
    "fallback_overhead_failed",
    "fallback_overhead_waiting",
)
REWRITTEN = "the chain rewrites answers, so that their completeness is unknown"
_OF_COMPLETENESS = ("success_rate", "failed_requests", "goodput", "success_after_fallback")
UNSEEN = "connections that a chain in another program tried and did not get are not observable"
_NOT_OF_ATTEMPTS = frozenset({"requests", "success_rate", "failed_requests", "goodput", "latency", "ttft"})
_MOMENTS = frozenset({"time_to_fallback", "time_to_recover"})
_STATISTIC = re.compile(r"_(p[\d.]+|max)$")


def measure(run: RunData) -> Metrics:
    """Return all numbers of a run."""
    phases = {phase.name: _phase(run, phase) for phase in run.plan.phases}
    phases[RUN] = _phase(run, None)
    providers = {name: _provider(run, place) for place, name in enumerate(run.columns.providers)}
    return Metrics(phases=phases, providers=providers, harness=_harness(run))


def key(metric: str, part: str | None) -> str:
    """Return the name under which a number stands: `latency_p95`, `amplification_peak`, `success_rate`."""
    return f"{metric}_{part}" if part else metric


def _phase(run: RunData, phase: Phase | None) -> dict[str, Value]:
    among = run.among(phase)
    values = _of_requests(run, among, phase) | _of_attempts(run, among)
    for metric in DISTRIBUTIONS:
        observed = distribution(run, metric, among)[0]
        values |= _quantiles(metric, observed, unit=METRICS[metric].unit if metric in METRICS else "ns")
        values[key(metric, MAX)] = _largest(observed, unit=values[key(metric, "p50")].unit)
    values["time_to_fallback"] = _single(time_to_fallback(run, phase))
    values["time_to_recover"] = _single(time_to_recover(run, phase))
    if (run.columns.requests.blind & among).any():
        seen = _NOT_OF_ATTEMPTS | _MOMENTS
        values = {
            name: value
            if _STATISTIC.sub("", name) in seen
            else Value(value=None, samples=0, unit=value.unit, why=UNSEEN)
            for name, value in values.items()
        }
    if "rewrites" in run.plan.chain.answers and (run.columns.requests.unnamed & among).any():
        unknown = {
            name: Value(value=None, samples=0, unit=values[name].unit, why=REWRITTEN) for name in _OF_COMPLETENESS
        }
        values |= unknown
    return values


def _of_requests(run: RunData, among: Bools, phase: Phase | None) -> dict[str, Value]:
    requests = run.columns.requests
    missing = run.columns.missing
    lost = int(missing.sum() if phase is None else missing[run.plan.phases.index(phase)])
    size = int(among.sum()) + lost
    done = among & requests.complete
    length_s = (run.end_ns if phase is None else phase.end_ns - phase.start_ns) / SECOND_NS
    # By hand: a caller who left at the deadline has no complete answer, one that came late is no good either.
    in_time = done & (requests.end_ns - requests.scheduled_ns <= run.plan.load.deadline)
    return {
        "requests": _count(size, size),
        "success_rate": _rate(int(done.sum()), size, "no requests"),
        "failed_requests": Value(
            value=float(size - int(done.sum())) if size else None,
            samples=size,
            unit="count",
            why="" if size else "no requests",
        ),
        "goodput": _frequency(int(in_time.sum()), length_s, size),
    }


def _of_attempts(run: RunData, among: Bools) -> dict[str, Value]:
    journeys, attempts = run.journeys, run.columns.attempts
    mine = among[attempts.request]
    size = int(among.sum())
    reached = among & journeys.reached_fallback
    told = run.retries.where(~np.isnan(run.retries.early_ns) & mine[run.retries.before])
    honoured = int((told.early_ns <= TOLERANCE_NS).sum())
    return {
        "attempts": _count(int(mine.sum()), size),
        "amplification": _mean(
            journeys.attempts[among].astype(np.float64),
            "no requests",
            most=run.plan.facts.attempts_max(run.plan.chain.order),
        ),
        "amplification_peak": _peak(run, mine),
        "success_after_fallback": _rate(
            int((reached & run.columns.requests.complete).sum()), int(reached.sum()), "no request reached a fallback"
        ),
        "retry_after_honoured": _rate(honoured, len(told), "no retry was told a Retry-After"),
        "primary_attempts_in_outage": _probes(run, among),
        "primary_skipped": _count(int((among & journeys.primary_skipped).sum()), size),
        "exposed": _count(int((among & journeys.exposed).sum()), size),
        "outlived": _count(int((among & journeys.outlived).sum()), size),
        "zombie_attempts": _count(int((mine & (zombie_ns(run) > TOLERANCE_NS)).sum()), int(mine.sum())),
        **_wasted(run, mine),
    }


def zombie_ns(run: RunData) -> Floats:
    """Return how long after its caller had left each attempt began; NaN where the caller never left."""
    requests = run.columns.requests
    left_ns = np.where(requests.left, requests.end_ns, math.nan)
    return run.columns.attempts.start_ns - left_ns[run.columns.attempts.request]


def _probes(run: RunData, among: Bools) -> Value:
    attempts, requests = run.columns.attempts, run.columns.requests
    first = run.columns.first
    inside = np.zeros(len(requests), dtype=bool)
    probe = np.zeros(len(attempts), dtype=bool)
    for place, name in enumerate(run.columns.providers):
        if name not in first:
            continue
        # Each by itself: that one of them is dead says nothing against calling its peer.
        for outage in merged(run.plan, [name], dead=True):
            inside |= (requests.scheduled_ns >= outage.start_ns) & (requests.scheduled_ns < outage.end_ns)
            during = (attempts.start_ns >= outage.start_ns) & (attempts.start_ns < outage.end_ns)
            probe |= during & (attempts.provider == place)
    probes = np.bincount(attempts.request[probe], minlength=len(requests))
    return _mean(
        probes[among & inside].astype(np.float64),
        f"no request came while {' or '.join(first)} was dead",
        most=run.plan.facts.attempts_max(first),
    )


def _wasted(run: RunData, mine: Bools) -> dict[str, Value]:
    attempts = run.columns.attempts
    unused = mine & ~(attempts.used & run.columns.requests.ok[attempts.request])
    size = int(unused.sum())
    known_usd = attempts.cost_usd[unused & ~np.isnan(attempts.cost_usd)]
    return {
        "wasted_tokens": _count(float(np.nansum(attempts.tokens[unused])), size),
        # Exact, so that the order of the rows cannot show in the last digit.
        "cost": Value(value=math.fsum(known_usd), samples=size, unit="usd"),
    }


def _peak(run: RunData, mine: Bools) -> Value:
    """Return the attempts begun in the busiest second, wherever it begins, by the requests planned per second."""
    starts = np.sort(run.columns.attempts.start_ns[mine])
    if not len(starts):
        return Value(value=None, samples=0, unit="ratio", why="no attempts")
    most = (np.searchsorted(starts, starts + SECOND_NS) - np.arange(len(starts))).max()
    return Value(value=float(most) / run.plan.load.rate, samples=len(starts), unit="ratio")


def _provider(run: RunData, place: int) -> dict[str, Value]:
    attempts, requests = run.columns.attempts, run.columns.requests
    mine = attempts.provider == place
    size = int(mine.sum())
    mine_gaps = mine[run.gaps.before]
    told = run.retries.where(~np.isnan(run.retries.early_ns) & mine[run.retries.before])
    per_request = np.bincount(attempts.request[mine], minlength=len(requests)).astype(np.float64)
    values = {
        "attempts": _count(size, len(requests)),
        "failed_attempts": _count(int((mine & attempts.failed).sum()), size),
        "served": _count(int((run.journeys.served_by == place).sum()), len(requests)),
        "amplification": _mean(
            per_request, "no requests", most=run.plan.facts.attempts_max(run.columns.providers[place : place + 1])
        ),
        "amplification_peak": _peak(run, mine),
        "retry_after_honoured": _rate(
            int((told.early_ns <= TOLERANCE_NS).sum()), len(told), "no retry was told a Retry-After"
        ),
        **_quantiles("retry_gap", run.gaps.gap_ns[mine_gaps]),
        **_wasted(run, mine),
    }
    if requests.blind.any():
        values = {
            name: value if name == "served" else Value(value=None, samples=0, unit=value.unit, why=UNSEEN)
            for name, value in values.items()
        }
    return values


def _harness(run: RunData) -> dict[str, Value]:
    requests, history = run.columns.requests, run.columns.history
    lag_ns = dispatch_lag_ns(run)
    values = _quantiles("dispatch_lag", lag_ns, interval=False)
    values["dispatch_lag_max"] = _largest(lag_ns)
    health = measured_health(history)
    for process, lags in health.groupby("process")["loop_lag_ns"]:
        ordered = np.sort(lags.to_numpy(np.float64))
        p99 = Value(value=quantile(ordered, 0.99), samples=len(ordered), unit="ns")
        values |= {f"loop_lag_{process}_p99": p99, f"loop_lag_{process}_max": _largest(ordered)}
    size = len(requests) + int(run.columns.missing.sum())
    return values | {
        "dropped": _count(int((~requests.sent).sum()), size),
        "lost": _count(lost(run), size),
        "orphans": _count(run.columns.orphans, len(run.columns.attempts) + run.columns.orphans),
        "foreign": _count(history.foreign, history.foreign),
    }


def lost(run: RunData) -> int:
    """Return how many records are missing: the attempts that the history knows of, and planned requests without one."""
    return run.columns.history.lost + int(run.columns.missing.sum())


def dispatch_lag_ns(run: RunData) -> Floats:
    """Return how much later than planned each request went out."""
    lag_ns = run.columns.requests.start_ns - run.columns.requests.scheduled_ns
    return lag_ns[~np.isnan(lag_ns)]


def measured_health(history: History, phase: Phase | None = None) -> pd.DataFrame:
    """Return the health rows of a phase, or of the run without its warm-up."""
    at_ns = history.health["at_ns"]
    if phase is None:
        return history.health[at_ns >= 0]
    return history.health[(at_ns >= phase.start_ns) & (at_ns < phase.end_ns)]


def _quantiles(metric: str, values: Floats, *, unit: str = "ns", interval: bool = True) -> dict[str, Value]:
    ordered = np.sort(values)
    size = len(ordered)
    if not size:
        empty = Value(value=None, samples=0, unit=unit, why="no observations")
        return {key(metric, name): empty for name in QUANTILES}
    return {
        key(metric, name): Value(
            value=quantile(ordered, share),
            ci=quantile_interval(ordered, share) if interval else None,
            samples=size,
            unit=unit,
        )
        for name, share in QUANTILES.items()
    }


def _largest(values: Floats, *, unit: str = "ns") -> Value:
    if not len(values):
        return Value(value=None, samples=0, unit=unit, why="no observations")
    return Value(value=float(values.max()), samples=len(values), unit=unit)


def _rate(hits: int, samples: int, why: str) -> Value:
    if not samples:
        return Value(value=None, samples=0, unit="share", why=why)
    return Value(value=hits / samples, ci=wilson(hits, samples), samples=samples, unit="share")


def _frequency(count: int, length_s: float, samples: int) -> Value:
    if not samples:
        return Value(value=None, samples=0, unit="per_s", why="no requests")
    low, high = poisson(count)
    return Value(value=count / length_s, ci=(low / length_s, high / length_s), samples=samples, unit="per_s")


def _mean(values: Floats, why: str, *, most: int) -> Value:
    if not len(values):
        return Value(value=None, samples=0, unit="ratio", why=why)
    return Value(value=float(values.mean()), ci=count_interval(values, most), samples=len(values), unit="ratio")


def _count(value: float, samples: int) -> Value:
    return Value(value=float(value), samples=samples, unit="count")


def _single(moment: Moment) -> Value:
    return Value(value=moment.value_ns, samples=int(moment.value_ns is not None), unit="ns", why=moment.why)
