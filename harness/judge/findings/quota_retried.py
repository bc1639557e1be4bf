"""Retries after a quota or a spend limit was used up."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.failure_classes import retried
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.failures import quota


def _check(run: RunData) -> CheckResult:
    spent = quota(run.columns)
    return by_request(
        run,
        shown=retried(run, spent),
        could=run.columns.requests_with(spent),
        did="tried a provider again whose quota was used up",
        nobody="no request met a quota that was used up",
    )


QUOTA_RETRIED = FindingKind(
    id="quota_retried",
    severity="required",
    shown_by="request",
    name="retried a used-up quota",
    meaning="It tried a provider again after a 402, or a 429 whose body named a used-up quota or spend limit. (Gemini's"
    " body is the same as at a rate limit: its quota is known only where a fault of the scenario made it.)",
    could="got such an answer",
    remedy=Remedy(
        "Treat a used-up quota as a reason to fall back at once: a retry cannot refill it.",
        on_litellm(
            "LiteLLM takes a used-up quota for a rate limit. Set `RateLimitErrorRetries: 0` in `retry_policy` if other"
            " providers can take over."
        ),
    ),
    check=_check,
)
