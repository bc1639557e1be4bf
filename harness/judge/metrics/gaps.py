"""The waits between consecutive attempts, as observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.kinds import Observations

if TYPE_CHECKING:
    from harness.judge.metrics.scope import Scope
    from harness.judge.tables.pairs import Pairs


def observed_gaps(scope: Scope, pairs: Pairs, *, nothing: str) -> Observations:
    """Return the gaps of the pairs whose first attempt is in the scope.

    Args:
        scope: What the metric is about.
        pairs: Consecutive attempts, the first failed.
        nothing: Why there are none.
    """
    attempts = scope.run.columns.attempts
    chosen = pairs.where(scope.attempts[pairs.before])
    to_ns = attempts.start_ns[chosen.after]
    return Observations.of(
        np.ones(len(chosen), dtype=bool),
        request=attempts.request[chosen.before],
        from_ns=to_ns - chosen.gap_ns,
        to_ns=to_ns,
        nothing=nothing,
    )
