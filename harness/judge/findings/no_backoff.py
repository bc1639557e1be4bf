"""Retries at once."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.retry_timing import judged_retries, stalled
from harness.judge.remedies import Remedy
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS

NO_BACKOFF_RETRIES_MIN = 20


def _check(run: RunData) -> CheckResult:
    retries = judged_retries(run)
    free = retries.where(np.isnan(retries.early_ns))
    samples = len(free)
    if samples < NO_BACKOFF_RETRIES_MIN:
        return unsure(f"{samples} retries without a Retry-After: at least {NO_BACKOFF_RETRIES_MIN} needed", samples)
    if lag := stalled(run, free):
        return unsure(lag, samples)
    count = int((free.gap_ns <= TOLERANCE_NS).sum())
    message = f"{count} of {samples} retries began within 50 ms of the failure"
    status = Status.FAIL if 2 * count > samples else Status.PASS
    return CheckResult(status=status, count=count, samples=samples, message=message)


NO_BACKOFF = FindingKind(
    id="no_backoff",
    severity="required",
    shown_by="run",
    name="retries without a pause",
    meaning=f"Over half of at least {NO_BACKOFF_RETRIES_MIN} retries without a Retry-After began within 50 ms of the"
    " failure. A connection try that LiteLLM's client library sends twice is one try.",
    could="retries without a Retry-After",
    remedy=Remedy("Wait before each retry, longer each time and by a random amount (exponential backoff with jitter)."),
    check=_check,
)
