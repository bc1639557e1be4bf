"""How many attempts at a provider failed."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope


def _measure(scope: Scope) -> Count:
    failed = scope.attempts & scope.run.columns.attempts.failed
    return Count(value=int(failed.sum()), samples=int(scope.attempts.sum()), nothing="")


FAILED_ATTEMPTS = Metric(
    name="failed_attempts",
    label="failed attempts",
    meaning="Attempts that did not succeed.",
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("provider",),
    asked=False,
    argument=None,
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=None,
    shown=(),
)
