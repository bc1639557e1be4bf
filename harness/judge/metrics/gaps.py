"""The waits between consecutive attempts, as observations."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return Observations.of(
        scope.attempts[pairs.before],
        request=attempts.request[pairs.before],
        from_ns=attempts.start_ns[pairs.after] - pairs.gap_ns,
        to_ns=attempts.start_ns[pairs.after],
        nothing=nothing,
    )
