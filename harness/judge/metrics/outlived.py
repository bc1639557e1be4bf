"""How many requests were still retrying when the fault ended."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import WAIT_LESS


def _measure(scope: Scope) -> Count:
    shown = scope.requests & scope.run.journeys.outlived
    return Count(value=int(shown.sum()), samples=scope.samples, nothing="no requests")


OUTLIVED = Metric(
    name="outlived",
    label="retrying at its end",
    meaning="Requests begun in a fault at the first provider that it served after the end of the fault: they retried until then.",
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
    remedy=WAIT_LESS,
    shown=("",),
)
