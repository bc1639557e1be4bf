"""Which provider is tried, and when: out of order, never, too late, or never again."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, nobody, unsure
from harness.judge.findings.retrying import NON_RETRYABLE
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats
from harness.quantities import duration

MEMORY_NS = 60 * 10**9
"""For so long may a failure keep a breaker open."""
LATE_NS = 10**9
RETURN_NS = 10 * 10**9
LOOK_NS = 12 * 10**9


def wrong_order(run: RunData) -> CheckResult:
    """A provider was tried before an earlier one that had not been tried in this request, and had not failed lately.

    Among peers the chain picks at will: none of them is earlier than another, and one that was tried stands for all.
    """
    attempts, group = run.columns.attempts, run.columns.group
    at_group = group[attempts.provider]
    shown = np.zeros(len(attempts), dtype=bool)
    in_order = attempts.provider < run.columns.ordered
    for earlier in range(run.columns.ordered - 1):
        first_ns = np.full(len(run.columns.requests), math.inf)
        at_earlier = at_group == group[earlier]
        np.minimum.at(first_ns, attempts.request[at_earlier], attempts.start_ns[at_earlier])
        later = (attempts.provider > earlier) & ~at_earlier
        skipped = in_order & later & (first_ns[attempts.request] > attempts.start_ns)
        place = np.flatnonzero(skipped)
        shown[place[~_excused(run, earlier, attempts.start_ns[place])]] = True
    return by_request(
        run,
        shown=run.columns.requests_with(shown),
        could=run.columns.requests_with(in_order & (at_group > 0)),
        did="tried a provider before its turn",
        nobody="no request tried a fallback",
    )


def _excused(run: RunData, earlier: int, at_ns: Floats) -> Bools:
    """Return at which times a breaker of an earlier provider may have been open."""
    attempts = run.columns.attempts
    failed = attempts.failed & (attempts.provider == earlier)
    ends_ns = np.sort(np.where(np.isnan(attempts.end_ns), attempts.start_ns, attempts.end_ns)[failed])
    since_ns = at_ns - MEMORY_NS - TOLERANCE_NS
    excused = np.searchsorted(ends_ns, at_ns + TOLERANCE_NS, "right") > np.searchsorted(ends_ns, since_ns, "left")
    for window in run.plan.timeline.at(run.columns.providers[earlier]):
        if window.inject.connection is not None:
            excused |= (window.start_ns <= at_ns) & (window.end_ns >= since_ns)
    return excused


def fallback_never_fired(run: RunData) -> CheckResult:
    """A request ended in failure after retryable or quota failures, time left, and a later provider never tried."""
    requests, attempts = run.columns.requests, run.columns.attempts
    hopeless = run.columns.requests_with(np.isin(attempts.status, NON_RETRYABLE))
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


def stuck_on_fallback(run: RunData) -> CheckResult:
    """No request tried the first provider from 10 s after its last fault to the end."""
    requests, attempts = run.columns.requests, run.columns.attempts
    primary = " or ".join(run.columns.first)
    if not run.outages:
        return unsure(f"no fault at {primary}")
    ended_ns = run.outages[-1].end_ns
    from_ns = ended_ns + RETURN_NS
    late = requests.sent & (requests.scheduled_ns >= from_ns)
    samples = int(late.sum())
    if run.end_ns - ended_ns < LOOK_NS:
        left_s = (run.end_ns - ended_ns) / 10**9
        return unsure(f"only {left_s:g} s left after the last fault at {primary}: 12 s are needed to tell", samples)
    if not samples:
        return unsure(f"no request came later than 10 s after the last fault at {primary}")
    tried = (run.columns.at_first(attempts.provider) & (attempts.start_ns >= from_ns)).any()
    if tried:
        message = f"{primary} was tried again after its last fault"
        return CheckResult(status=Status.PASS, samples=samples, message=message)
    message = f"none of {samples} requests tried {primary} later than 10 s after its last fault"
    return CheckResult(status=Status.FAIL, count=1, samples=samples, message=message)


def late_fallback(run: RunData) -> CheckResult:
    """A request waited over 1 s after the last failed attempt at a provider before the next one was tried."""
    switches, attempts = run.switches, run.columns.attempts
    late, could = nobody(run), nobody(run)
    could[attempts.request[switches.before]] = True
    waited = switches.gap_ns > LATE_NS + TOLERANCE_NS
    median = f" (median {duration(float(np.median(switches.gap_ns[waited])))})" if waited.any() else ""
    late[attempts.request[switches.before[waited]]] = True
    return by_request(
        run,
        shown=late,
        could=could,
        did=f"waited over 1 s{median} after the last failure at one provider before the next was tried",
        nobody="no request went from one provider to the next",
    )
