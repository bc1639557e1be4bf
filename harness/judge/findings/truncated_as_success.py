"""Truncated answers that the caller takes for whole ones."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, doubted
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.last_attempts import last
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import are_success, floats


def _check(run: RunData) -> CheckResult:
    columns, journeys = run.columns, run.journeys
    attempts = columns.attempts
    begun = are_success(attempts.status)
    cut = begun & attempts.had("cut", "reset", "timeout", "malformed")
    # Where the text names no attempt, the answer is that of the last attempt that began one.
    serving = np.where(journeys.winner >= 0, journeys.winner, last(run, begun))
    was_cut = np.append(cut, False)[serving]
    meant = np.append(floats(attempts.column("text_chars")), np.nan)[serving]
    got = floats(columns.requests.table["text_chars"])
    shorter = got < meant
    taken = columns.requests.ok & are_success(columns.requests.status) & ~columns.requests.complete
    rewritten = columns.requests.unnamed & ("rewrites" in run.plan.chain.answers)
    found = by_request(
        run,
        shown=taken & (serving >= 0) & (was_cut | shorter) & ~rewritten,
        could=columns.requests_with(cut),
        did="got a truncated answer reported as success",
        nobody="no answer was cut",
    )
    return doubted(found, rewritten) if found.status is Status.PASS else found


TRUNCATED_AS_SUCCESS = FindingKind(
    id="truncated_as_success",
    severity="required",
    shown_by="request",
    name="truncated answer reported as success",
    meaning="The provider's answer was cut short (also by an error event, or by an end without a reason), had an event"
    " broken or was empty, yet the caller got a 2xx and nothing that an OpenAI client raises on.",
    could="had an answer cut, broken or emptied",
    remedy="End the caller's stream with an error event, or break it off, where the provider's stream ended without a"
    " finish reason.",
    check=_check,
    harm=True,
)
