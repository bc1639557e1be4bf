"""What the gateway itself cost the caller, in time."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy
from harness.judge.tables.gateway import met_gateway_fault


def _measure(scope: Scope) -> Observations:
    requests, journeys = scope.run.columns.requests, scope.run.journeys
    served_ns = np.append(scope.run.columns.attempts.end_ns, math.nan)[journeys.winner]
    attempts_ns = np.where(journeys.winner >= 0, served_ns - journeys.began_ns, math.nan)
    known = ~np.isnan(attempts_ns + requests.start_ns + requests.end_ns)
    known &= ~met_gateway_fault(scope.run, "gateway")  # the harness itself may have held the answer back
    return Observations.of(
        scope.requests & known,
        request=np.arange(len(requests)),
        from_ns=requests.start_ns,
        to_ns=requests.end_ns,
        apart_ns=attempts_ns,
        nothing="no request was served by an attempt that is on record",
    )


GATEWAY_OVERHEAD = Metric(
    name="gateway_overhead",
    label="the gateway's own time",
    meaning=(
        "From when a request was sent until its first attempt began, and from the end of the attempt that served it until its "
        "caller had the answer; served requests only, and none that met a fault on the gateway. In virtual time computing takes no time: only what the gateway waits "
        "there is counted."
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
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=Remedy(
        "Find what the gateway does before and after an attempt (logging, checks of the content, its database), and do that later or elsewhere."
    ),
    shown=(),
)
