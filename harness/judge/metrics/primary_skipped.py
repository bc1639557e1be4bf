"""How many requests passed the first provider over."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SKIP_SOONER


def _measure(scope: Scope) -> Count:
    shown = scope.requests & scope.run.journeys.primary_skipped
    return Count(value=int(shown.sum()), samples=scope.samples, nothing="no requests")


PRIMARY_SKIPPED = Metric(
    name="primary_skipped",
    label="first provider skipped",
    meaning="Requests whose first attempt was not at the first provider (a cooldown, an open breaker).",
    unit="count",
    kind=Count,
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
    remedy=SKIP_SOONER,
    shown=(),
)
