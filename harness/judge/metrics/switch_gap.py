"""How long the chain waited before it tried another provider."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Observations:
    attempts, switches = scope.run.columns.attempts, scope.run.switches
    return Observations.of(
        scope.attempts[switches.before],
        request=attempts.request[switches.before],
        from_ns=attempts.start_ns[switches.after] - switches.gap_ns,
        to_ns=attempts.start_ns[switches.after],
        nothing="no request went from one provider to another",
    )


SWITCH_GAP = Metric(
    name="switch_gap",
    label="wait before another provider",
    meaning="From the end of a failed attempt to the start of the request's next one, at another provider.",
    unit="ns",
    kind=Observations,
    measure=_measure,
    groups=("phase",),
    asked=True,
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    shown=(),
)
