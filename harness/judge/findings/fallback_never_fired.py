"""Failures that a fallback could have prevented."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS

CALLERS_OWN = (400, 413, 422)
"""The request itself is at fault: no other provider could answer it either."""


def _check(run: RunData) -> CheckResult:
    requests, attempts = run.columns.requests, run.columns.attempts
    hopeless = run.columns.requests_with(np.isin(attempts.status, CALLERS_OWN))
    retryable = run.columns.requests_with(attempts.failed) & ~hopeless
    all_failed = ~run.columns.requests_with(~attempts.failed)
    time_left = requests.end_ns - requests.scheduled_ns < run.plan.load.deadline - TOLERANCE_NS
    # A peer of the deepest provider that was tried is not a later one.
    later = (run.journeys.depth >= 0) & (
        run.columns.group[run.journeys.depth] < run.columns.group[run.columns.ordered - 1]
    )
    untouched = np.isnan(requests.first_token_ns)
    # An error event before the first token gave the caller nothing; a plain answer cut midway did, and has no first token.
    ended = requests.failed | (requests.truncated & requests.streaming)
    could = retryable & (run.columns.group[run.columns.ordered - 1] > 0)
    return by_request(
        run,
        shown=could & all_failed & later & time_left & untouched & ended,
        could=could,
        did="failed although a later provider had not been tried",
        nobody="no request had a failed attempt that a fallback could have made good",
    )


FALLBACK_NEVER_FIRED = FindingKind(
    id="fallback_never_fired",
    severity="required",
    shown_by="request",
    name="failed although a fallback was left",
    meaning="It ended in an error (in a stream, also in an error event before the first token) after failures that a"
    " fallback could have made good, with time left, and a later provider was never tried. A 401, 403 or 404 at one provider"
    " is another one's chance. Not after a 400, 413 or 422, nor after the first token.",
    could="had such a failure",
    remedy="Fall back on every failure of a provider but those that the request itself caused.",
    remedy_on=on_litellm(
        "List a fallback for the model that callers ask for: LiteLLM looks fallbacks up by that name, an alias included."
    ),
    check=_check,
)
