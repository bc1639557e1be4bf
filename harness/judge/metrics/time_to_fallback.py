"""How long it takes until a fallback serves."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_of, no_fault, outages_in
from harness.judge.metrics.kinds import SingleObservation
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> SingleObservation:
    outage = next(iter(outages_in(scope)), None)
    if outage is None:
        return no_fault(scope)
    run, requests, journeys = scope.run, scope.run.columns.requests, scope.run.journeys
    by_another = (journeys.served_by >= 0) & ~run.columns.at_first(journeys.served_by)
    shown = requests.complete & by_another & (requests.end_ns >= outage.start_ns)
    if shown.any():
        return first_of(run, shown, outage.start_ns)
    hit = journeys.exposed & (requests.scheduled_ns < outage.end_ns)
    if (hit & ~requests.complete).any():
        return SingleObservation.none("requests failed, and no fallback served any", never=True)
    return SingleObservation.none("no request needed a fallback")


TIME_TO_FALLBACK = Metric(
    name="time_to_fallback",
    label="time to fallback",
    meaning=(
        "From the beginning of the first provider's first fault to the first complete answer from another provider."
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
