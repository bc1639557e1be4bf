"""How long it takes until the first provider serves again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_of, longest
from harness.judge.metrics.kinds import SingleObservation
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import RETURN_TO_FIRST

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools
    from harness.judge.tables.outages import Outage


def _measure(scope: Scope) -> SingleObservation:
    run, requests, journeys = scope.run, scope.run.columns.requests, scope.run.journeys
    won_ns = np.append(run.columns.attempts.start_ns, math.nan)[journeys.winner]

    def observe(names: tuple[str, ...], outages: list[Outage], among: Bools) -> SingleObservation:
        first, ended_ns = " or ".join(names), outages[-1].end_ns
        by_first = (journeys.served_by >= 0) & ~journeys.by_fallback
        shown = among & requests.complete & by_first & (won_ns >= ended_ns)
        if shown.any():
            return first_of(run, shown, ended_ns)
        if not (among & requests.sent & (requests.scheduled_ns >= ended_ns)).any():
            return SingleObservation.none(f"no request came after the fault at {first} ended")
        # Not always a fail: the run may have ended sooner than the limit allows.
        looked_ns = float(run.end_ns - ended_ns)
        return SingleObservation.none(f"{first} never served again", never=True, looked_ns=looked_ns)

    return longest(scope, observe, of_each=True)


TIME_TO_RECOVER = Metric(
    name="time_to_recover",
    label="time to recover",
    meaning=(
        "From the end of the first provider's last fault to its first complete answer whose attempt began after that. Where a "
        "mix has several first providers, the longest of theirs."
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
    remedy=RETURN_TO_FIRST,
    shown=(),
)
