"""How often the chain calls a first provider that is dead."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.first_answers import first_names
from harness.judge.metrics.kinds import Mean
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import SKIP_SOONER
from harness.judge.tables.outages import merged


def _measure(scope: Scope) -> Mean:
    run = scope.run
    attempts, requests = run.columns.attempts, run.columns.requests
    inside = np.zeros(len(requests), dtype=bool)
    probe = np.zeros(len(attempts), dtype=bool)
    most = 0
    for names, among in scope.by_first:
        most = max(most, run.plan.facts.attempts_max(names))
        # Each by itself: if one of them is dead, its peer may still be called.
        for name in names:
            at_it = attempts.provider == run.columns.providers.index(name)
            for outage in merged(run.plan, [name], dead=True):
                inside |= among & (requests.scheduled_ns >= outage.start_ns) & (requests.scheduled_ns < outage.end_ns)
                during = (attempts.start_ns >= outage.start_ns) & (attempts.start_ns < outage.end_ns)
                probe |= at_it & during & among[attempts.request]
    probes = np.bincount(attempts.request[probe], minlength=len(requests)).astype(np.float64)
    nothing = f"no request came while {first_names(scope)} was dead"
    return Mean(counts=probes[scope.requests & inside], most=most, nothing=nothing)


PRIMARY_ATTEMPTS_IN_OUTAGE = Metric(
    name="primary_attempts_in_outage",
    label="attempts at a dead first provider",
    meaning=(
        "Attempts at the first provider while it was dead, per request that came meanwhile. Dead is a fault under which no "
        "attempt can succeed: an error status, a connection that is refused, reset, closed or silent, or an answer cut or "
        "reset midway, each for every attempt."
    ),
    unit="ratio",
    kind=Mean,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=SKIP_SOONER,
    shown=(),
)
