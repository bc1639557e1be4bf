"""Failures that a fallback could have prevented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.chain.facts import REFUSED
from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy, on_litellm
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools
from harness.judge.tables.failures import CAUSES, causes
from harness.judge.tables.gateway import have_budget, met_gateway_fault


def _check(run: RunData) -> CheckResult:
    requests, attempts = run.columns.requests, run.columns.attempts
    hopeless = run.columns.requests_with(np.isin(attempts.status, REFUSED))
    retryable = run.columns.requests_with(attempts.failed) & ~hopeless
    all_failed = ~run.columns.requests_with(~attempts.failed)
    time_left = requests.end_ns - requests.scheduled_ns < run.plan.load.deadline - TOLERANCE_NS
    orders, order, depth = run.columns.orders, requests.order, run.journeys.depth
    last = orders.level[np.arange(len(orders.length)), orders.length - 1][order]
    # A peer of the deepest provider that was tried is not a later one.
    later = (depth >= 0) & (orders.level[order, depth] < last)
    untouched = np.isnan(requests.first_token_ns)
    # An error event before the first token gave the caller nothing; a plain answer cut midway did, and has no first token.
    ended = requests.failed | (requests.truncated & requests.streaming)
    could = retryable & (last > 0) & ~met_gateway_fault(run, "gateway") & ~have_budget(run)
    shown = could & all_failed & later & time_left & untouched & ended
    declared = shown & _as_declared(run)
    advisory = bool(shown.any() and declared[shown].all())
    found = by_request(
        run,
        shown=shown if advisory else shown & ~declared,
        could=could,
        did="failed although a later provider had not been tried",
        nobody="no request had a failed attempt that a fallback could have made good",
        note="; the chain declares so" if advisory else "",
    )
    return replace(found, advisory=advisory)


def _as_declared(run: RunData) -> Bools:
    """Return which requests ended where the chain declares that it ends: after such a failure, or so many attempts."""
    facts, columns = run.plan.facts, run.columns
    found = np.zeros(len(columns.requests), dtype=bool)
    if facts.attempts_at_most is not None:
        found |= run.journeys.attempts >= facts.attempts_at_most
    if facts.falls_back_on is not None:
        request = columns.attempts.request
        last = np.flatnonzero(columns.attempts.failed & (np.diff(request, append=-1) != 0))
        left_out = ~np.isin(causes(columns, last), [CAUSES.index(cause) for cause in facts.falls_back_on])
        found[request[last[left_out]]] = True
    return found


FALLBACK_NEVER_FIRED = FindingKind(
    id="fallback_never_fired",
    severity="required",
    shown_by="request",
    name="failed although a fallback was left",
    meaning="It ended in an error (in a stream, also in an error event before the first token) after failures that a"
    " fallback could have made good, with time left, and a later provider was never tried. A 401, 403 or 404 at one provider"
    " is another one's chance. Not after a 400, 413 or 422, nor after the first token, nor where the gateway itself was under a fault, nor of a tenant with a budget, which may be used up. It is only reported where all such requests ended after a failure"
    " that a declared `fallback.on` leaves out, or after as many attempts as a declared `policy.max_attempts` allows.",
    could="had such a failure",
    remedy=Remedy(
        "Fall back on every failure of a provider but those that the request itself caused.",
        on_litellm(
            "LiteLLM looks fallbacks up by the name that callers ask for, an alias included: see that `fallbacks` has it."
        ),
    ),
    check=_check,
)
