"""How often a fallback helped."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Proportion
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SERVE_MORE


def _measure(scope: Scope) -> Proportion:
    reached = scope.requests & scope.run.journeys.reached_fallback
    done = reached & scope.run.columns.requests.complete
    return Proportion(hits=int(done.sum()), samples=int(reached.sum()), nothing="no request reached a fallback")


SUCCESS_AFTER_FALLBACK = Metric(
    name="success_after_fallback",
    label="success after fallback",
    meaning="Requests whose complete answer arrived, of those that tried any provider but the first.",
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
    seen_by="edge",
    across=False,
    remedy=SERVE_MORE,
    shown=("",),
)
