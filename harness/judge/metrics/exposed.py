"""How many requests a fault touched."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import Remedy


def _measure(scope: Scope) -> Count:
    shown = scope.requests & scope.run.journeys.exposed
    return Count(value=int(shown.sum()), samples=scope.samples, nothing="no requests")


EXPOSED = Metric(
    name="exposed",
    label="hit by a fault",
    meaning="Requests of which a fault changed at least one attempt.",
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
    remedy=Remedy(
        "Change the fault's length or share, or the rate, in the scenario: this counts what the fault did, not what the chain did."
    ),
    shown=("",),
)
