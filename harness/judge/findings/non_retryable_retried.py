"""Retries after an answer that no retry can change."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.failure_classes import NON_RETRYABLE, retried
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData

_STATUSES = f"{', '.join(map(str, NON_RETRYABLE[:-1]))} or {NON_RETRYABLE[-1]}"


def _check(run: RunData) -> CheckResult:
    hopeless = np.isin(run.columns.attempts.status, NON_RETRYABLE)
    return by_request(
        run,
        shown=retried(run, hopeless),
        could=run.columns.requests_with(hopeless),
        did="tried a provider again after an answer that no retry can change",
        nobody=f"no request got a {_STATUSES}",
    )


NON_RETRYABLE_RETRIED = FindingKind(
    id="non_retryable_retried",
    severity="required",
    shown_by="request",
    name="retried what cannot succeed",
    meaning=f"It tried a provider again after a {_STATUSES}.",
    could="got such an answer",
    remedy=Remedy("Retry only after 408, 429 and 5xx; give the others back to the caller, or fall back."),
    check=_check,
)
