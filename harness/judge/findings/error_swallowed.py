"""Answers that the chain made up, because every attempt had failed."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import HOLLOW_ON_LITELLM, Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import are_success


def _check(run: RunData) -> CheckResult:
    columns = run.columns
    without = columns.requests.sent & ~columns.requests_with(~columns.attempts.failed) & ~run.mocked
    answered = columns.requests.ok & are_success(columns.requests.status) & ~columns.requests.complete
    return by_request(
        run,
        shown=without & answered,
        could=without,
        did="got a 2xx answer although no attempt succeeded",
        nobody="every request had an attempt that succeeded",
    )


ERROR_SWALLOWED = FindingKind(
    id="error_swallowed",
    severity="required",
    shown_by="request",
    name="failure reported as success",
    meaning="The caller got a 2xx although no attempt succeeded. Not where a provider that the chain never calls may have"
    " answered (LiteLLM's `mock_response`).",
    could="had no attempt that succeeded",
    remedy=Remedy("Answer with an error status where every provider failed.", HOLLOW_ON_LITELLM),
    check=_check,
    harm=True,
)
