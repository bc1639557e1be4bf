"""How many requests a provider served."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Count:
    ((name,),) = scope.orders
    served = scope.run.journeys.served_by == scope.run.columns.providers.index(name)
    return Count(value=int(served.sum()), samples=scope.samples, nothing="")


SERVED = Metric(
    name="served",
    label="served",
    meaning="Requests whose answer came from the provider.",
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("provider",),
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
