"""How long it takes until a fallback serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_of, longest
from harness.judge.metrics.kinds import SingleObservation
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import WAIT_LESS

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools
    from harness.judge.tables.outages import Outage


def _measure(scope: Scope) -> SingleObservation:
    run, requests, journeys = scope.run, scope.run.columns.requests, scope.run.journeys

    def observe(_names: tuple[str, ...], outages: list[Outage], among: Bools) -> SingleObservation:
        outage = outages[0]
        shown = among & requests.complete & journeys.by_fallback & (requests.end_ns >= outage.start_ns)
        if shown.any():
            return first_of(run, shown, outage.start_ns)
        hit = among & journeys.exposed & (requests.scheduled_ns < outage.end_ns)
        if (hit & ~requests.complete).any():
            return SingleObservation.none("requests failed, and no fallback served any", never=True)
        return SingleObservation.none("no request needed a fallback")

    return longest(scope, observe, of_each=False)


TIME_TO_FALLBACK = Metric(
    name="time_to_fallback",
    label="time to fallback",
    meaning=(
        "From the beginning of the first provider's first fault to the first complete answer from another provider. Where a mix "
        "has several first providers, the longest of theirs."
    ),
    unit="ns",
    kind=SingleObservation,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="caller",
    across=True,
    remedy=WAIT_LESS,
    shown=(),
)
