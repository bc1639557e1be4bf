"""No retry after an answer that a retry cannot change."""

from __future__ import annotations

from harness.history.records import AttemptRecord
from harness.judge.findings.failure_classes import NON_RETRYABLE
from harness.judge.properties.declaration import Property, RequestAttempts, WorstRequest
from harness.judge.properties.search_run import Pair, SearchRun
from harness.judge.tables.failures import PAYMENT_REQUIRED, QUOTA_CODES, QUOTA_PRESETS
from harness.quantities import duration


def _in_vain(run: SearchRun, attempts: RequestAttempts) -> list[Pair]:
    """Return the retries after an answer that no retry can change."""
    spent = {window.fault_id for window in run.windows if window.inject.error in QUOTA_PRESETS}
    return [
        (before, after)
        for before, after in run.retries(attempts)
        if before.status in NON_RETRYABLE or _quota(before, spent)
    ]


def _quota(attempt: AttemptRecord, spent: set[str]) -> bool:
    named = attempt.error_code in QUOTA_CODES or attempt.fault_id in spent
    return attempt.status == PAYMENT_REQUIRED or (attempt.status == 429 and named)


def _broken(run: SearchRun) -> tuple[str, ...]:
    return tuple(request.request_id for request, attempts in run.measured() if _in_vain(run, attempts))


def _harm(shown: WorstRequest) -> str:
    before, after = _in_vain(shown.run, shown.attempts)[0]
    gap = duration(max(after.start_ns - (before.end_ns or 0), 0))
    return f"{before.provider} is asked again after {gap} although no retry can change that"


NO_RETRY_ON_NON_RETRYABLE = Property(
    name="no_retry_on_non_retryable",
    broken_by="a request that tried a provider again after an answer that no retry can change",
    check=_broken,
    harm=_harm,
    findings=("non_retryable_retried", "quota_retried"),
)
