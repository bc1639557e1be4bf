"""Attempts for callers who have left."""

from __future__ import annotations

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import CANCEL_WITH_CALLER
from harness.judge.tables.columns import ZOMBIE_NS
from harness.quantities import duration


def _measure(scope: Scope) -> Count:
    zombies = int((scope.attempts & scope.run.zombies).sum())
    return Count(value=zombies, samples=int(scope.attempts.sum()), nothing="no attempts")


ZOMBIE_ATTEMPTS = Metric(
    name="zombie_attempts",
    label="attempts for callers who have left",
    meaning=f"Attempts begun more than {duration(ZOMBIE_NS)} after their caller had left.",
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=True,
    remedy=CANCEL_WITH_CALLER,
    shown=(),
)
