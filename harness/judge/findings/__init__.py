"""Conduct checks: how single requests, and the run, behaved. Each is a function of a case."""

from __future__ import annotations

from collections.abc import Callable

from harness.judge.findings.answers import duplicated_content, error_swallowed, truncated_as_success
from harness.judge.findings.callers import hang, zombie_attempts
from harness.judge.findings.check_result import CheckResult
from harness.judge.findings.faults import fault_never_fired
from harness.judge.findings.herd import lockstep_retries, no_backoff
from harness.judge.findings.retrying import non_retryable_retried, quota_retried, retry_after_ignored, retry_storm
from harness.judge.findings.routing import fallback_never_fired, late_fallback, stuck_on_fallback, wrong_order
from harness.judge.run_data import RunData

CHECKS: dict[str, Callable[[RunData], CheckResult]] = {
    check.__name__: check
    for check in (
        retry_after_ignored,
        non_retryable_retried,
        quota_retried,
        no_backoff,
        lockstep_retries,
        retry_storm,
        truncated_as_success,
        duplicated_content,
        error_swallowed,
        hang,
        wrong_order,
        fallback_never_fired,
        stuck_on_fallback,
        zombie_attempts,
        late_fallback,
        fault_never_fired,
    )
}

__all__ = ["CHECKS", "CheckResult"]
