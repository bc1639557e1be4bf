"""Far more attempts at one provider than anybody planned."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.run_data import RunData
from harness.judge.tables.pairs import nth_at_provider

STORM_ATTEMPTS = 5
STORM_FACTOR = 2


def _check(run: RunData) -> CheckResult:
    attempts, retry = run.columns.attempts, run.plan.chain.retry
    limit = STORM_FACTOR * retry.attempts if retry and retry.attempts else STORM_ATTEMPTS
    return by_request(
        run,
        shown=run.columns.requests_with(nth_at_provider(attempts) > limit),
        could=run.journeys.attempts > 0,
        did=f"made more than {limit} attempts at one provider",
        nobody="no request made an attempt",
    )


RETRY_STORM = FindingKind(
    id="retry_storm",
    severity="required",
    shown_by="request",
    name="retried far too often",
    meaning=f"More than {STORM_ATTEMPTS} attempts at one provider; where the chain declares `retry.attempts`, more than"
    " twice that.",
    could="made an attempt",
    remedy="Find the second layer that retries (an SDK's own retries inside yours, say) and switch one of them off.",
    check=_check,
)
