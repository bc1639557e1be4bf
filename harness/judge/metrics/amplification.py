"""How many attempts the chain makes of a request."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count, Mean
from harness.judge.metrics.scope import Scope
from harness.quantities import S


def _mean(scope: Scope) -> Mean:
    attempts = scope.run.columns.attempts
    counts = np.bincount(attempts.request[scope.attempts], minlength=len(scope.requests))[scope.requests]
    most = scope.run.plan.facts.attempts_max(scope.providers)
    return Mean(counts=counts.astype(np.float64), most=most, nothing="no requests")


def _peak(scope: Scope) -> Count:
    """Return the attempts begun in the busiest second, wherever it begins, by the requests planned per second."""
    starts = np.sort(scope.run.columns.attempts.start_ns[scope.attempts])
    most = (np.searchsorted(starts, starts + S) - np.arange(len(starts))).max(initial=0)
    return Count(value=float(most) / scope.run.plan.load.rate, samples=len(starts), nothing="no attempts")


AMPLIFICATION = Metric(
    name="amplification",
    label="attempts per request",
    meaning="Attempts at providers per request. 1 means no retries and no fallbacks.",
    unit="ratio",
    kind=Mean,
    measure=_mean,
    groups=("phase", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    shown=("",),
)

AMPLIFICATION_PEAK = Metric(
    name="amplification_peak",
    label="attempts in the busiest second",
    meaning=(
        "Attempts begun in the busiest second, wherever that begins, divided by the requests planned per second. Written "
        "`peak amplification <= 6` in an expectation."
    ),
    unit="ratio",
    kind=Count,
    measure=_peak,
    groups=("phase", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    shown=(),
)
