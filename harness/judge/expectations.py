"""The lines of `expect`, answered."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.intervals import (
    MEAN_SAMPLES_MIN,
    Interval,
    keeps,
    needed_for_quantile,
    needed_for_rate,
    quantile,
)
from harness.judge.metrics import RUN, key, measured_health
from harness.judge.moments import time_to_fallback, time_to_recover
from harness.judge.result import ExpectationResult, Finding, Metrics, Status, Value
from harness.judge.run_data import RunData, distribution
from harness.quantities import amount, count, duration, exact, interval, plural
from harness.scenario import Expectation, Phase
from harness.scenario.expect import MAX, METRICS, QUANTILES, Op


def decide(op: Op, target: float, seen: Interval) -> Status:
    """Return whether all of an interval keeps a limit, none of it does, or it lies across."""
    if keeps(op, target, seen):
        return Status.PASS
    opposite: dict[Op, Op] = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
    return Status.FAIL if keeps(opposite[op], target, seen) else Status.INCONCLUSIVE


def answer_finding(expectation: Expectation, finding: Finding) -> ExpectationResult:
    """Return the row of `no ID`.

    What could not be looked at has no count: 0 would say that all is well.
    """
    unseen = finding.status is Status.INCONCLUSIVE and not finding.count
    return ExpectationResult(
        text=expectation.text,
        metric=finding.id,
        phase=None,
        status=finding.status,
        observed=None if unseen else float(finding.count),
        ci=None,
        unit="count",
        samples=finding.samples,
        needed=None,
        message=finding.message,
    )


def answer_limit(run: RunData, metrics: Metrics, expectation: Expectation) -> ExpectationResult:
    """Return the row of a limit on a number."""
    metric, op, target = expectation.metric, expectation.op, expectation.target
    assert metric is not None
    assert op is not None
    assert target is not None
    value = metrics.phases[expectation.phase or RUN][key(metric, expectation.quantile)]
    if value.value is None:
        return _row(expectation, value, Status.INCONCLUSIVE, message=value.why)
    cut_off = _cut_off(run, expectation)
    seen = value.ci or (value.value, math.inf if cut_off else value.value)
    status = decide(op, target, seen)
    message = f"{_observed(run, expectation, value)}; limit {op} {exact(target, value.unit)}"
    needed = None
    looked_ns = _looked(run, expectation)
    if looked_ns < target:
        status = Status.INCONCLUSIVE
        message += f"; but the run ended only {duration(looked_ns)} after the fault"
    elif status is Status.INCONCLUSIVE and cut_off:
        message += f"; but {cut_off} of {count(value.samples)} ended unanswered and may have taken any longer time"
    elif status is Status.INCONCLUSIVE:
        needed = _needed(metric, expectation.quantile, op, target, value)
        message += _how_many(needed, value, target)
    elif status is Status.FAIL and METRICS[metric].about_time and op in ("<", "<="):
        lag_ns, without = _without_lag(run, expectation)
        if decide(op, target, (without, without)) is Status.PASS:
            status = Status.INCONCLUSIVE
            message += f"; but the machine was out of CPU: a loop lag of {duration(lag_ns)} can explain it"
    return _row(expectation, value, status, needed=needed, message=message)


def _row(
    expectation: Expectation, value: Value, status: Status, *, needed: int | None = None, message: str
) -> ExpectationResult:
    assert expectation.metric is not None
    return ExpectationResult(
        text=expectation.text,
        metric=expectation.metric,
        phase=expectation.phase,
        status=status,
        observed=value.value,
        ci=value.ci,
        unit=value.unit,
        samples=value.samples,
        needed=needed,
        message=message,
        limit=expectation.target,
    )


def _observed(run: RunData, expectation: Expectation, value: Value) -> str:
    """Return what was observed, how sure it is and of how many; of the largest observation whose it is."""
    assert value.value is not None
    if math.isinf(value.value):
        return value.why
    if expectation.quantile == MAX:
        around = f"{_whose(run, expectation)}, the largest of {count(value.samples)}"
    else:
        samples = plural(value.samples, "sample") if value.ci else ""
        around = ", ".join(filter(None, (interval(value.ci, value.unit, limit=expectation.target), samples)))
    shown = amount(value.value, value.unit, limit=expectation.target)
    return f"{shown} ({around})" if around else shown


def _whose(run: RunData, expectation: Expectation) -> str:
    """Return the request with the largest observation."""
    values, request = distribution(run, expectation.metric or "", run.among(_phase(run, expectation)))
    return str(run.columns.requests.table["request_id"].iloc[request[int(values.argmax())]])


def _cut_off(run: RunData, expectation: Expectation) -> int:
    """Return of how many requests the largest observation knows no more than that it took at least so long.

    Their caller left before the end, they never went out, or a stream had no first token.
    """
    if expectation.quantile != MAX or expectation.metric not in ("latency", "ttft"):
        return 0
    requests = run.columns.requests
    among = run.among(_phase(run, expectation))
    if expectation.metric == "ttft":
        return int((among & requests.streaming & np.isnan(requests.first_token_ns)).sum())
    return int((among & (requests.left | np.isnan(requests.end_ns))).sum())


def _needed(metric: str, quantile_name: str | None, op: Op, target: float, value: Value) -> int | None:
    """Return how many samples would have been enough; None where the number of them is not what is wrong."""
    kind = METRICS[metric].kind
    if kind == "rate" and value.value is not None:
        hits = round(value.value * value.samples)
        return needed_for_rate(op, target, hits=hits, samples=value.samples)
    if kind == "distribution" and quantile_name != MAX:
        needed = needed_for_quantile(QUANTILES[quantile_name or ""])
        return needed if needed > value.samples else None
    if kind == "mean" and value.samples < MEAN_SAMPLES_MIN:
        return MEAN_SAMPLES_MIN
    return None


def _how_many(needed: int | None, value: Value, target: float) -> str:
    if needed is not None:
        return f"; at least {plural(needed, 'sample')} needed"
    if value.unit == "share" and target in (0.0, 1.0):
        return "; no number of samples can show that"
    return "; too close to tell"


def _looked(run: RunData, expectation: Expectation) -> float:
    """Return how long a recovery that never came was looked for; infinite for everything else."""
    if expectation.metric != "time_to_recover":
        return math.inf
    return time_to_recover(run, _phase(run, expectation)).looked_ns


def _phase(run: RunData, expectation: Expectation) -> Phase | None:
    return next((phase for phase in run.plan.phases if phase.name == expectation.phase), None)


def _without_lag(run: RunData, expectation: Expectation) -> tuple[float, float]:
    """Return the phase's loop lag, and what would have been observed had each attempt cost that much less time.

    What one request alone decides may have met the longest lag of all; for the rest it is the p99 that counts.
    """
    phase = _phase(run, expectation)
    lag_ns = _lag(run, phase, 1.0 if expectation.quantile == MAX else 0.99)
    metric = expectation.metric
    if metric in ("time_to_fallback", "time_to_recover"):
        moment = (time_to_fallback if metric == "time_to_fallback" else time_to_recover)(run, phase)
        if moment.value_ns is None or moment.request < 0:
            return lag_ns, math.inf
        return lag_ns, moment.value_ns - lag_ns * float(run.journeys.attempts[moment.request])
    values, request = distribution(run, metric or "", run.among(phase))
    shorter = np.sort(values - lag_ns * run.journeys.attempts[request])
    return lag_ns, quantile(shorter, 1.0 if expectation.quantile == MAX else QUANTILES[expectation.quantile or ""])


def _lag(run: RunData, phase: Phase | None, share: float) -> float:
    """Return a quantile of the loop lag of the process that had the worst."""
    lags = measured_health(run.columns.history, phase).groupby("process")["loop_lag_ns"]
    worst = [quantile(np.sort(values.to_numpy(np.float64)), share) for _, values in lags]
    return max(worst, default=0.0)
