"""Calls of tools that the caller takes for whole ones, and that are not what the provider meant."""

from __future__ import annotations

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.truncated_answers import PartialAnswers
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData


def _check(run: RunData) -> CheckResult:
    if not run.columns.of_kinds("tools", "conversation").any():
        return unsure("no request got a call of a tool")
    found = PartialAnswers.of(run)
    return found.result(
        run,
        among=found.calls,
        shown=found.truncated | found.changed,
        could=found.cut | run.columns.requests.ok,
        did="got a call of a tool that is not what the provider meant, reported as success",
        nobody="no request got a call of a tool",
    )


TRUNCATED_TOOL_CALL = FindingKind(
    id="truncated_tool_call",
    severity="required",
    shown_by="request",
    name="half a tool call reported as success",
    meaning="The model called tools, and the caller got a 2xx with a call that lacks arguments, or has others than the serving provider"
    " meant (arguments cut inside their JSON, a call left out, a call as plain text), and nothing that an OpenAI client raises on.",
    could="got an answer that should call tools",
    remedy=Remedy(
        "Hold the pieces of a call back until its arguments are complete, and end the caller's stream with an error event where they"
        " are no JSON."
    ),
    check=_check,
    harm=True,
)
