"""How long the chain waited before it tried another provider."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.gaps import observed_gaps
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import FALL_BACK_AT_ONCE


def _measure(scope: Scope) -> Observations:
    return observed_gaps(scope, scope.run.switches, nothing="no request went from one provider to another")


SWITCH_GAP = Metric(
    name="switch_gap",
    label="wait before another provider",
    meaning="From the end of a failed attempt to the start of the request's next one, at another provider.",
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=FALL_BACK_AT_ONCE,
    shown=(),
)
