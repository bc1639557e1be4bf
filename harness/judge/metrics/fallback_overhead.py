"""What a fallback cost the caller, in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import WAIT_LESS

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools, Floats


def _overhead(scope: Scope) -> Observations:
    journeys = scope.run.journeys
    unserved = ~np.isnan(journeys.unserved_ns)
    overhead_ns = np.where(unserved, journeys.unserved_ns, journeys.overhead_ns)
    return _of_requests(scope, overhead_ns, censored=unserved)


def _failed(scope: Scope) -> Observations:
    return _of_requests(scope, scope.run.journeys.failed_ns)


def _waiting(scope: Scope) -> Observations:
    return _of_requests(scope, scope.run.journeys.waiting_ns)


def _of_requests(scope: Scope, values_ns: Floats, *, censored: Bools | None = None) -> Observations:
    began_ns = scope.run.journeys.began_ns
    return Observations.of(
        scope.requests & ~np.isnan(values_ns),
        request=np.arange(len(values_ns)),
        from_ns=began_ns,
        to_ns=began_ns + values_ns,
        censored=censored,
        nothing="no request fell back from the first provider",
    )


FALLBACK_OVERHEAD = Metric(
    name="fallback_overhead",
    label="wait for a fallback",
    meaning=(
        "From the start of the first attempt to the start of the winning one, for requests that tried the first provider first "
        "and were served by another. A caller who tried the first provider and left unserved counts with what it waited at "
        "least."
    ),
    unit="ns",
    kind=Observations,
    measure=_overhead,
    groups=("phase", "kind"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=True,
    seen_by="edge",
    across=True,
    remedy=WAIT_LESS,
    shown=("p50", "p95"),
)

FALLBACK_OVERHEAD_FAILED = Metric(
    name="fallback_overhead_failed",
    label="wait for a fallback: in failed attempts",
    meaning="The part of `fallback_overhead` that was spent in attempts, overlaps counted once.",
    unit="ns",
    kind=Observations,
    measure=_failed,
    groups=("phase", "kind"),
    asked=False,
    argument=None,
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=None,
    shown=(),
)

FALLBACK_OVERHEAD_WAITING = Metric(
    name="fallback_overhead_waiting",
    label="wait for a fallback: between attempts",
    meaning="The rest of `fallback_overhead`.",
    unit="ns",
    kind=Observations,
    measure=_waiting,
    groups=("phase", "kind"),
    asked=False,
    argument=None,
    better=None,
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=None,
    shown=(),
)
