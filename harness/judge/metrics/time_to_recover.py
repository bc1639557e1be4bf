"""How long it takes until the first provider serves again."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_names, first_of, no_fault, outages_in
from harness.judge.metrics.kinds import SingleObservation
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> SingleObservation:
    outage = next(reversed(outages_in(scope)), None)
    if outage is None:
        return no_fault(scope)
    run, requests, journeys = scope.run, scope.run.columns.requests, scope.run.journeys
    starts_ns = np.append(run.columns.attempts.start_ns, math.nan)
    won_ns = np.where(journeys.winner >= 0, starts_ns[journeys.winner], math.nan)
    shown = requests.complete & run.columns.at_first(journeys.served_by) & (won_ns >= outage.end_ns)
    if shown.any():
        return first_of(run, shown, outage.end_ns)
    if not (requests.sent & (requests.scheduled_ns >= outage.end_ns)).any():
        return SingleObservation.none(f"no request came after the fault at {first_names(run)} ended")
    # Not always a fail: the run may have ended sooner than the limit allows.
    looked_ns = float(run.end_ns - outage.end_ns)
    return SingleObservation.none(f"{first_names(run)} never served again", never=True, looked_ns=looked_ns)


TIME_TO_RECOVER = Metric(
    name="time_to_recover",
    label="time to recover",
    meaning=(
        "From the end of the first provider's last fault to its first complete answer whose attempt began after that."
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
    shown=(),
)
