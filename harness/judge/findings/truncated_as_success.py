"""Truncated answers that the caller takes for whole ones."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.truncated_answers import PartialAnswers
from harness.judge.remedies import HOLLOW_ON_LITELLM, Remedy
from harness.judge.run_data import RunData


def _check(run: RunData) -> CheckResult:
    found = PartialAnswers.of(run)
    return found.result(
        run,
        among=~found.calls,
        shown=found.truncated,
        could=found.cut,
        did="got a truncated answer reported as success",
        nobody="no answer was cut",
    )


TRUNCATED_AS_SUCCESS = FindingKind(
    id="truncated_as_success",
    severity="required",
    shown_by="request",
    name="truncated answer reported as success",
    meaning="The provider's answer was cut short (also by an error event, or by an end without a reason), had an event"
    " broken or was empty, yet the caller got a 2xx and nothing that an OpenAI client raises on. Calls of tools are"
    " `truncated_tool_call`'s.",
    could="had an answer cut, broken or emptied",
    remedy=Remedy(
        "End the caller's stream with an error event, or break it off, where the provider's stream ended without a"
        " finish reason.",
        HOLLOW_ON_LITELLM,
    ),
    check=_check,
    harm=True,
)
