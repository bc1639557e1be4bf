"""How long callers waited for a complete answer."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import WAIT_LESS


def _measure(scope: Scope) -> Observations:
    requests, journeys = scope.run.columns.requests, scope.run.journeys
    return Observations.of(
        scope.requests,
        request=np.arange(len(requests)),
        from_ns=requests.scheduled_ns,
        to_ns=requests.scheduled_ns + journeys.latency_ns,
        censored=requests.left | np.isnan(requests.end_ns),
        nothing="no requests",
    )


LATENCY = Metric(
    name="latency",
    label="latency",
    meaning=(
        "From the intended start to the end. A caller who left counts with the deadline at least, and so does a request that "
        "was never sent."
    ),
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=True,
    seen_by="caller",
    across=False,
    remedy=WAIT_LESS,
    shown=("p50", "p95"),
)
