"""How fast a gateway answered at the address where it says whether it is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count, Observations
from harness.judge.metrics.scope import Scope, within
from harness.judge.remedies import Remedy
from harness.judge.tables.columns import are_success, floats

if TYPE_CHECKING:
    import pandas as pd

_NOTHING = "no gateway was asked whether it is ready: the chain has no such address, or the run was in virtual time"
_REFUSED = (401, 403)


def _asked(scope: Scope) -> pd.DataFrame:
    """Return the questions of the part of the run."""
    ready = scope.run.columns.history.ready
    return ready[within(ready["start_ns"].to_numpy(np.float64), scope.phase)]


def _latency(scope: Scope) -> Observations:
    asked = _asked(scope)
    start_ns = asked["start_ns"].to_numpy(np.float64)
    end_ns = floats(asked["end_ns"])
    answered = are_success(floats(asked["status"])) & ~np.isnan(end_ns)
    return Observations.of(
        np.ones(len(asked), dtype=bool),
        request=np.full(len(asked), -1),
        from_ns=start_ns,
        to_ns=np.where(answered, end_ns, start_ns),
        never=~answered,
        nothing=_NOTHING,
    )


def _keyed(scope: Scope) -> Count:
    asked = _asked(scope)
    keyed = asked["keyed"].to_numpy(bool) | np.isin(floats(asked["status"]), _REFUSED)
    return Count(value=int(keyed.sum()), samples=len(asked), nothing=_NOTHING)


HEALTH_LATENCY = Metric(
    name="health_latency",
    label="answer of the health address",
    meaning=(
        "How long a gateway took to answer with a 2xx at the address where it says whether it is ready, asked each second "
        "(with the callers' key where it gives no such answer without). Infinite where no such answer came within 5 s. Live runs "
        "only: `ready` of an `endpoint` chain, `/health/readiness` of `litellm-proxy`."
    ),
    unit="ns",
    kind=Observations,
    measure=_latency,
    groups=("phase",),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=True,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=Remedy(
        "Keep the health address light: it should ask neither the providers nor the database, and need no free worker."
    ),
    shown=(),
)

HEALTH_KEYED = Metric(
    name="health_keyed",
    label="health address asks for a key",
    meaning="How many of these questions got a 2xx only with a key, or 401 or 403 where there was none to give.",
    unit="count",
    kind=Count,
    measure=_keyed,
    groups=("phase",),
    asked=True,
    argument=None,
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=Remedy("Leave the health address out of what needs a key, or give the key to the program that asks it."),
    shown=(),
)
