"""Which share of the requests a provider served."""

from __future__ import annotations

import numpy as np

from harness.document import field_error
from harness.judge.metrics.declaration import Argument, Metric
from harness.judge.metrics.kinds import Proportion
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import ROUTE_AS_MEANT


def _check(text: str) -> None:
    if not text:
        raise field_error("expected the name of a provider")


def _measure(scope: Scope) -> Proportion:
    names, asked = scope.run.columns.providers, scope.argument
    if asked is not None and asked not in names:
        return Proportion(hits=0, samples=0, nothing=f"the chain has no provider {asked!r}: {', '.join(names)}")
    served_by = scope.run.journeys.served_by
    served = scope.requests & (served_by >= 0 if asked is None else served_by == names.index(asked))
    return Proportion(hits=int(np.sum(served)), samples=scope.planned, nothing="no requests")


SERVED_BY = Metric(
    name="served_by",
    label="served by a provider",
    meaning="Requests whose answer came from a provider, of all requests.",
    unit="share",
    kind=Proportion,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=Argument(
        name="PROVIDER",
        meaning="Only those that this provider served.",
        check=_check,
        example="azure",
    ),
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="caller",
    across=False,
    remedy=ROUTE_AS_MEANT,
    shown=(),
)
