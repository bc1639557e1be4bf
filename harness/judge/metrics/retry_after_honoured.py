"""How often the chain waited as long as Retry-After asked."""

from __future__ import annotations

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Proportion
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import HONOUR_RETRY_AFTER
from harness.judge.tables.columns import TOLERANCE_NS
from harness.quantities import duration


def _measure(scope: Scope) -> Proportion:
    retries = scope.run.retries
    asked = retries.where(~np.isnan(retries.early_ns) & scope.attempts[retries.before])
    honoured = int((asked.early_ns <= TOLERANCE_NS).sum())
    return Proportion(hits=honoured, samples=len(asked), nothing="no retry followed an answer with a Retry-After")


RETRY_AFTER_HONOURED = Metric(
    name="retry_after_honoured",
    label="Retry-After honoured",
    meaning=(
        f"Retries that began no more than {duration(TOLERANCE_NS)} before the time that Retry-After gave, of the retries "
        "after an answer with a Retry-After."
    ),
    unit="share",
    kind=Proportion,
    measure=_measure,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better="more",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=HONOUR_RETRY_AFTER,
    shown=(),
)
