"""How many callers did not get a complete answer."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SERVE_MORE


def _measure(scope: Scope) -> Count:
    done = scope.requests & scope.run.columns.requests.complete
    return Count(value=scope.planned - int(done.sum()), samples=scope.planned, nothing="no requests")


FAILED_REQUESTS = Metric(
    name="failed_requests",
    label="failed requests",
    meaning=(
        "Requests without a complete answer. `failed_requests <= 0` requires a complete answer for every request, which "
        "no number of samples can show for `success_rate`."
    ),
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better=None,
    served=True,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=SERVE_MORE,
    shown=(),
)
