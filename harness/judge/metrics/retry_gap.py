"""How long the chain waited before it tried the same provider again."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.gaps import observed_gaps
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Observations:
    return observed_gaps(scope, scope.run.gaps, nothing="no retries")


RETRY_GAP = Metric(
    name="retry_gap",
    label="wait before a retry",
    meaning="From the end of a failed attempt to the start of the request's next one, at the same provider.",
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase", "provider"),
    asked=True,
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    shown=(),
)
