"""How long it takes until callers are served again after a fault on the gateway or its database."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_of
from harness.judge.metrics.kinds import SingleObservation
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy
from harness.judge.tables.gateway import gateway_faults


def _measure(scope: Scope) -> SingleObservation:
    run, requests, phase = scope.run, scope.run.columns.requests, scope.phase
    faults = [
        fault
        for fault in gateway_faults(run)
        if phase is None or (fault.from_ns < phase.end_ns and fault.to_ns >= phase.start_ns)
    ]
    if not faults:
        return SingleObservation.none("no fault on the gateway or its database")
    found = []
    for fault in faults:
        later = requests.sent & (requests.start_ns >= fault.ends_ns)
        if not later.any():
            return SingleObservation.none("no request came after the fault on the gateway had ended")
        served = later & requests.complete
        looked_ns = float(run.end_ns - fault.ends_ns)
        never = SingleObservation.none("the gateway never served again", never=True, looked_ns=looked_ns)
        found.append(first_of(run, served, fault.ends_ns) if served.any() else never)
    return max(found, key=lambda each: each.looked_ns if each.never else float(each.observed.least[0]))


GATEWAY_RECOVERY = Metric(
    name="gateway_recovery",
    label="recovery of the gateway",
    meaning=(
        "From the end of a fault on the gateway or its database to the end of the first complete answer to a request that was"
        " sent after that; from the beginning of a `restart`, and so with the time that the gateway takes to start. The longest"
        " where there were several such faults."
    ),
    unit="ns",
    kind=SingleObservation,
    measure=_measure,
    groups=("phase",),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="caller",
    across=True,
    remedy=Remedy(
        "Let the gateway connect to its database again by itself, and let a supervisor start it again at once when it ends."
    ),
    shown=(),
)
