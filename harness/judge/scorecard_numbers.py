"""The few numbers of a run that a scorecard shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.judge.intervals import quantile
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorecardNumbers:
    """Numbers of a run, warm-up left out. None where there was nothing to observe, or no way to observe it.

    Attributes:
        requests: That went out, or should have.
        success: Share of them that got their complete answer.
        gave_up: Callers who left unanswered at their deadline.
        attempts: By provider.
        affected: Requests with an attempt that a fault changed.
        first_gap_ns: Median time from the end of a request's first failed attempt to its next attempt.
        total_p50_ns: Median latency of the affected requests.
        total_p95_ns: Their 95th percentile.
    """

    requests: int
    success: float | None
    gave_up: int
    attempts: dict[str, int] | None = None
    affected: int | None = None
    first_gap_ns: float | None = None
    total_p50_ns: float | None = None
    total_p95_ns: float | None = None

    @classmethod
    def of(cls, run: RunData) -> ScorecardNumbers:
        """Return a run's numbers."""
        requests = run.columns.requests
        size = len(requests) + int(run.columns.missing.sum())
        seen = cls(
            requests=size,
            success=float(requests.complete.sum()) / size if size else None,
            gave_up=int((requests.left & ~requests.complete).sum()),
        )
        return seen if requests.blind.any() else _with_attempts(run, seen)


def _with_attempts(run: RunData, seen: ScorecardNumbers) -> ScorecardNumbers:
    attempts, journeys = run.columns.attempts, run.journeys
    counts = np.bincount(attempts.provider, minlength=len(run.columns.providers))
    total_ns = np.sort(journeys.latency_ns[journeys.exposed])
    return ScorecardNumbers(
        requests=seen.requests,
        success=seen.success,
        gave_up=seen.gave_up,
        attempts={name: int(count) for name, count in zip(run.columns.providers, counts, strict=True)},
        affected=int(journeys.exposed.sum()),
        first_gap_ns=_at(_first_gaps(run), 0.5),
        total_p50_ns=_at(total_ns, 0.5),
        total_p95_ns=_at(total_ns, 0.95),
    )


def _first_gaps(run: RunData) -> Floats:
    """Return the gap after each request's first failed attempt, where another attempt came; sorted."""
    attempts = run.columns.attempts
    failed = np.flatnonzero(attempts.failed)
    _, first = np.unique(attempts.request[failed], return_index=True)
    after = failed[first] + 1
    follows = np.append(attempts.request, -1)[after] == attempts.request[failed[first]]
    before, after = failed[first][follows], after[follows]
    gaps = attempts.start_ns[after] - attempts.end_ns[before]
    return np.sort(np.maximum(gaps[~np.isnan(gaps)], 0.0))


def _at(ordered: Floats, share: float) -> float | None:
    return quantile(ordered, share) if len(ordered) else None
