"""Retries that begin before the provider's Retry-After has passed."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.failure_classes import having
from harness.judge.remedies import HONOUR_RETRY_AFTER
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS


def _check(run: RunData) -> CheckResult:
    pairs, attempts = run.retries, run.columns.attempts
    asked = ~np.isnan(attempts.retry_after_ns) & attempts.failed
    return by_request(
        run,
        shown=having(run, pairs.before[pairs.early_ns > TOLERANCE_NS]),
        could=run.columns.requests_with(asked),
        did="retried a provider before its Retry-After had passed",
        nobody="no request was sent a Retry-After",
    )


RETRY_AFTER_IGNORED = FindingKind(
    id="retry_after_ignored",
    severity="required",
    shown_by="request",
    name="retried earlier than the provider asked",
    meaning="It tried a provider again more than 50 ms before the time in that provider's Retry-After.",
    could="was sent a Retry-After",
    remedy=HONOUR_RETRY_AFTER,
    check=_check,
)
