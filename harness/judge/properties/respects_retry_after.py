"""A retry waits as long as the provider asked."""

from __future__ import annotations

from harness.history.records import AttemptRecord
from harness.judge.properties.declaration import Property, RequestAttempts, WorstRequest
from harness.judge.properties.search_run import Pair, SearchRun
from harness.judge.tables.columns import TOLERANCE_NS
from harness.quantities import duration


def _too_early(run: SearchRun, attempts: RequestAttempts) -> list[Pair]:
    """Return the retries that began before the time in their Retry-After."""
    return [pair for pair in run.retries(attempts) if _early_ns(*pair) > TOLERANCE_NS]


def _early_ns(before: AttemptRecord, after: AttemptRecord) -> int:
    """Return how much too early a retry began; below 0 where there was no Retry-After."""
    if before.retry_after_ns is None or before.end_ns is None:
        return -1
    return before.end_ns + before.retry_after_ns - after.start_ns


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(request.request_id for request, attempts in run.measured() if _too_early(run, attempts))


def _harm(shown: WorstRequest) -> str:
    before, after = max(_too_early(shown.run, shown.attempts), key=lambda pair: _early_ns(*pair))
    gap = duration(max(after.start_ns - (before.end_ns or 0), 0))
    return f"{before.provider} is asked again after {gap} although its Retry-After was {duration(before.retry_after_ns or 0)}"


RESPECTS_RETRY_AFTER = Property(
    name="respects_retry_after",
    broken_by="a request that tried a provider again before the time in its Retry-After",
    check=_broken,
    harm=_harm,
    findings=("retry_after_ignored",),
    weight=lambda run, attempts: max(_early_ns(*pair) for pair in _too_early(run, attempts)),
)
