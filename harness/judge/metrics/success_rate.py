"""How many callers got a complete answer."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Proportion
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SERVE_MORE


def _measure(scope: Scope) -> Proportion:
    done = scope.requests & scope.run.columns.requests.complete
    return Proportion(hits=int(done.sum()), samples=scope.planned, nothing="no requests")


SUCCESS_RATE = Metric(
    name="success_rate",
    label="success",
    meaning=(
        "Requests whose complete answer arrived, of all requests. A planned request without a record counts as not complete, and "
        "so does one that was given the text of another request's attempt."
    ),
    unit="share",
    kind=Proportion,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="more",
    served=True,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=SERVE_MORE,
    shown=("",),
)
