"""How many requests left the first provider."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Proportion
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import ROUTE_AS_MEANT


def _measure(scope: Scope) -> Proportion:
    reached = scope.requests & scope.run.journeys.reached_fallback
    return Proportion(hits=int(reached.sum()), samples=scope.samples, nothing="no requests")


FALLBACK_RATE = Metric(
    name="fallback_rate",
    label="requests with a fallback",
    meaning="Requests with at least one row in the table of fallbacks, of all requests.",
    unit="share",
    kind=Proportion,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=ROUTE_AS_MEANT,
    shown=(),
)
