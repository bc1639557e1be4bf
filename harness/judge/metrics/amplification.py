"""How many attempts the chain makes of a request."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count, Mean
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import TRY_LESS
from harness.judge.tables.columns import Floats, Ints
from harness.quantities import S
from harness.scenario.arrivals import planned
from harness.scenario.schema import Load

_SLICES = 64
"""Of a second, in the search for the busiest one."""


def _mean(scope: Scope) -> Mean:
    most = max(scope.run.plan.facts.attempts_max(order) for order in scope.orders)
    return Mean(counts=scope.counts[scope.requests].astype(np.float64), most=most, nothing="no requests")


def _peak(scope: Scope) -> Count:
    """Return the attempts begun in the busiest second, wherever it begins, by the requests planned for it."""
    starts = np.sort(scope.run.columns.attempts.start_ns[scope.attempts])
    _, peak = busiest(scope.run.plan.load, starts)
    return Count(value=peak / scope.share, samples=len(starts), nothing="no attempts")


def busiest(load: Load, starts_ns: Floats) -> tuple[float, float]:
    """Return when the busiest second begins, in nanoseconds, and the attempts begun in it per planned request.

    Args:
        load: What was planned.
        starts_ns: When each attempt began, sorted.
    """
    if not len(starts_ns):
        return 0.0, 0.0
    place = np.arange(len(starts_ns)) if load.rate is None else _busy(starts_ns)
    from_ns = starts_ns[place]
    begun = np.searchsorted(starts_ns, from_ns + S) - place
    if load.rate is not None:
        ratio = begun / (load.rate * load.turns)
    else:
        ratio = begun / np.array([planned(load, at_ns, at_ns + S) for at_ns in from_ns])
    most = int(ratio.argmax())
    return float(from_ns[most]), float(ratio[most])


def _busy(starts_ns: Floats) -> Ints:
    """Return the places of the starts with which the busiest second can begin.

    In slices of a second: the second that begins with the first start in one of them has at least the starts of as many slices
    as make a second, any that begins in it at most those of one slice more.
    """
    slices = int((starts_ns[-1] - starts_ns[0]) // (S // _SLICES)) + 1
    if slices > len(starts_ns) // 8:
        return np.arange(len(starts_ns))
    edges_ns = starts_ns[0] + np.arange(slices + 1) * (S // _SLICES)
    before = np.searchsorted(starts_ns, edges_ns)
    ends = np.append(before, np.full(_SLICES, len(starts_ns)))
    least = (ends[_SLICES : _SLICES + slices] - before[:-1]).max()
    can = ends[_SLICES + 1 : _SLICES + 1 + slices] - before[:-1] >= least
    return np.flatnonzero(np.repeat(can, np.diff(before)))


AMPLIFICATION = Metric(
    name="amplification",
    label="attempts per request",
    meaning="Attempts at providers per request. 1 means no retries and no fallbacks.",
    unit="ratio",
    kind=Mean,
    measure=_mean,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=TRY_LESS,
    shown=("",),
)

AMPLIFICATION_PEAK = Metric(
    name="amplification_peak",
    label="attempts in the busiest second",
    meaning=(
        "Attempts begun in the busiest second, wherever that begins, divided by the requests planned for one second then. Written "
        "`peak amplification <= 6` in an expectation."
    ),
    unit="ratio",
    kind=Count,
    measure=_peak,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=TRY_LESS,
    shown=(),
)
