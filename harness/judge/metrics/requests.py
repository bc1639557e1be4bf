"""How many requests there were."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Count:
    return Count(value=scope.planned, samples=scope.planned, nothing="")


REQUESTS = Metric(
    name="requests",
    label="requests",
    meaning="Requests due in the phase.",
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("phase", "kind"),
    asked=False,
    argument=None,
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=None,
    shown=(),
)
