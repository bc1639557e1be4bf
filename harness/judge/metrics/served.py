"""How many requests a provider served."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Count:
    named = [place for place, name in enumerate(scope.run.columns.providers) if name in scope.providers]
    served = np.isin(scope.run.journeys.served_by, named)
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
    shown=(),
)
