"""Fallbacks that come later than they could."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.last_attempts import last
from harness.judge.remedies import FALL_BACK_AT_ONCE
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats, Ints
from harness.quantities import duration

LATE_NS = 10**9
RETRY_NS = 10 * 10**9


def _check(run: RunData) -> CheckResult:
    columns, attempts = run.columns, run.columns.attempts
    wasted_ns = np.append(attempts.start_ns, math.nan)[run.journeys.first] - columns.requests.start_ns
    switches = run.switches.where(~_heard_late(run)[run.switches.before])
    np.fmax.at(wasted_ns, attempts.request[switches.before], switches.gap_ns)
    wasted_ns[~(wasted_ns > LATE_NS + TOLERANCE_NS)] = 0
    request, waited_ns = _waits_for_retries(run)
    np.fmax.at(wasted_ns, request, waited_ns)
    shown = wasted_ns > 0
    median = f" ({duration(float(np.median(wasted_ns[shown])))} in the median)" if shown.any() else ""
    return by_request(
        run,
        shown=shown,
        could=run.journeys.attempts > 0,
        did=f"waited{median} while the next provider could have been tried",
        nobody="no request made an attempt",
    )


def _heard_late(run: RunData) -> Bools:
    """Return the attempts whose answer reached the chain later than the edge sent it: a fault delayed it on its way."""
    attempts = run.columns.attempts
    late = np.zeros(len(attempts), dtype=bool)
    for window in run.plan.timeline.windows:
        if window.at_provider and window.on_port and window.inject.fault_kind.merely_slows:
            there = attempts.provider == run.columns.providers.index(window.provider)
            late |= there & (window.start_ns <= attempts.end_ns) & (window.end_ns >= attempts.start_ns)
    return late


def _waits_for_retries(run: RunData) -> tuple[Ints, Floats]:
    """Return the long waits for a retry while a later provider was healthy and not yet tried, with the request of each.

    A caller who left in the meantime has waited as well.
    """
    requests, attempts, orders = run.columns.requests, run.columns.attempts, run.columns.orders
    in_time = attempts.start_ns <= np.where(requests.left, requests.end_ns, math.nan)[attempts.request]
    left = last(run, in_time)
    left = left[left >= 0]
    left = left[attempts.failed[left]]
    failed = np.concatenate([run.gaps.before, left])
    from_ns = attempts.end_ns[failed]
    to_ns = np.concatenate([attempts.start_ns[run.gaps.after], requests.end_ns[attempts.request[left]]])
    long = to_ns - from_ns > RETRY_NS + TOLERANCE_NS
    failed, from_ns, to_ns = failed[long], from_ns[long], to_ns[long]
    request = attempts.request[failed]
    spare = np.zeros(len(failed), dtype=bool)
    for later in np.flatnonzero((orders.place < orders.length[:, np.newaxis]).any(axis=0)):
        spare |= (
            _comes_later(run, int(later), failed)
            & _untried(run, int(later), request, to_ns)
            & ~_faulty(run, int(later), from_ns, to_ns)
        )
    return request[spare], (to_ns - from_ns)[spare]


def _comes_later(run: RunData, provider: int, failed: Ints) -> Bools:
    """Return at which failed attempts a provider comes later in the request's order."""
    attempts, orders = run.columns.attempts, run.columns.orders
    order = run.columns.requests.order[attempts.request[failed]]
    place, level = orders.placed(provider, order)
    mask: Bools = attempts.in_order[failed] & (place < orders.length[order]) & (level > attempts.level[failed])
    return mask


def _untried(run: RunData, provider: int, request: Ints, at_ns: Floats) -> Bools:
    """Return which requests had not tried a provider by some time."""
    attempts = run.columns.attempts
    first_ns = np.full(len(run.columns.requests), math.inf)
    mine = attempts.provider == provider
    np.minimum.at(first_ns, attempts.request[mine], attempts.start_ns[mine])
    mask: Bools = first_ns[request] >= at_ns
    return mask


def _faulty(run: RunData, provider: int, from_ns: Floats, to_ns: Floats) -> Bools:
    """Return during which waits a provider was under a fault, or failed."""
    attempts = run.columns.attempts
    failed_ns = np.sort(attempts.end_ns[attempts.failed & (attempts.provider == provider)])
    faulty: Bools = np.searchsorted(failed_ns, from_ns) < np.searchsorted(failed_ns, to_ns, "right")
    for window in run.plan.timeline.at(run.columns.providers[provider]):
        faulty |= (window.start_ns <= to_ns) & (window.end_ns >= from_ns)
    return faulty


LATE_FALLBACK = FindingKind(
    id="late_fallback",
    severity="advisory",
    shown_by="request",
    name="waited although another provider was free",
    meaning="It waited over 1 s after the last failed attempt at one provider before the next one was tried, or before its"
    " first attempt; or over 10 s for a retry while a later provider was healthy and not yet tried in this request.",
    could="made an attempt",
    remedy=FALL_BACK_AT_ONCE,
    check=_check,
    across=True,
)
