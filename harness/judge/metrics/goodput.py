"""Complete answers in time, per second."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Frequency
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SERVE_MORE


def _measure(scope: Scope) -> Frequency:
    run, requests = scope.run, scope.run.columns.requests
    # A caller who left at the deadline has no complete answer; one that came later is of no use either.
    in_time = requests.complete & (requests.end_ns - requests.scheduled_ns <= run.plan.load.deadline)
    done = int((scope.requests & in_time).sum())
    return Frequency(count=done, length_s=scope.length_s, samples=scope.planned, nothing="no requests")


GOODPUT = Metric(
    name="goodput",
    label="goodput",
    meaning="Complete answers within the deadline, per second of the phase.",
    unit="per_s",
    kind=Frequency,
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
    shown=(),
)
