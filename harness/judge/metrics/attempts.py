"""How many attempts requests made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Observations
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import TRY_LESS


def _measure(scope: Scope) -> Observations:
    size = len(scope.requests)
    counts = scope.counts.astype(np.float64)
    found = Observations.of(
        scope.requests, request=np.arange(size), from_ns=np.zeros(size), to_ns=counts, nothing="no requests"
    )
    return replace(found, total=float(counts.sum()))


ATTEMPTS = Metric(
    name="attempts",
    label="attempts",
    meaning="Attempts of one request. `max attempts <= 9` bounds each request.",
    unit="count",
    kind=Observations,
    measure=_measure,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=TRY_LESS,
    shown=(),
)
