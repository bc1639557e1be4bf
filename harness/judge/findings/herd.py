"""How the retries of a run lie in time: at once, or all together."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats, Ints
from harness.judge.tables.pairs import Pairs, double_sends

STALL_NS = 250_000_000
HEALTH_EVERY_NS = 100_000_000
"""How often a process writes of its health."""
LOCKSTEP_NS = 10_000_000
LOCKSTEP_OTHERS = 9
CHANCE = 0.999
"""Neighbours that a Poisson stream of retries at the planned rate would have in all but one of a thousand cases."""
NO_BACKOFF_RETRIES_MIN = 20


def no_backoff(run: RunData) -> CheckResult:
    """Over half of at least 20 retries that were given no Retry-After begin within 50 ms."""
    retries = _judged(run)
    free = retries.where(np.isnan(retries.early_ns))
    samples = len(free)
    if samples < NO_BACKOFF_RETRIES_MIN:
        return unsure(f"{samples} retries without a Retry-After: {NO_BACKOFF_RETRIES_MIN} are needed to tell", samples)
    if lag := _stalled(run, free):
        return unsure(lag, samples)
    count = int((free.gap_ns <= TOLERANCE_NS).sum())
    message = f"{count} of {samples} retries began within 50 ms of the failure"
    status = Status.FAIL if 2 * count > samples else Status.PASS
    return CheckResult(status=status, count=count, samples=samples, message=message)


def lockstep_retries(run: RunData) -> CheckResult:
    """Over half of the retries lie within 10 ms of those of nine other requests, beyond what the arrival rate explains.

    Explained is what a Poisson stream as dense as the planned arrivals times the retries per request would show.
    """
    retries = _judged(run)
    samples = len(retries)
    if not samples:
        return unsure("no retries")
    if lag := _stalled(run, retries):
        return unsure(lag, samples)
    attempts = run.columns.attempts
    request = attempts.request[retries.after]
    retried = np.bincount(request) > 0
    per_request = samples / int(retried.sum())
    mean = run.plan.load.rate * per_request * 2 * LOCKSTEP_NS / 10**9
    enough = max(LOCKSTEP_OTHERS, math.ceil(special.pdtrik(CHANCE, mean)) + 1)
    count = int((neighbours(attempts.start_ns[retries.after], request) >= enough).sum())
    message = f"{count} of {samples} retries began within 10 ms of those of {enough} or more other requests"
    status = Status.FAIL if 2 * count > samples else Status.PASS
    return CheckResult(status=status, count=count, samples=samples, message=message)


def neighbours(at_ns: Floats, request: Ints) -> Ints:
    """Return for each retry how many other requests have one within 10 ms of it, before or after."""
    low, high = at_ns - LOCKSTEP_NS, at_ns + LOCKSTEP_NS
    ordered = np.sort(at_ns)
    near = np.searchsorted(ordered, high, "right") - np.searchsorted(ordered, low, "left")
    # Of several retries of one request inside the span only the first may count. Two that lie both inside it are
    # no further apart than it is long, so one sorted list of such pairs' starts, and one of their ends, count them.
    order = np.lexsort((at_ns, request))
    again = np.diff(request[order]) == 0
    earlier, later = at_ns[order][:-1][again], at_ns[order][1:][again]
    short = later - earlier <= 2 * LOCKSTEP_NS
    earlier, later = np.sort(earlier[short]), np.sort(later[short])
    begun = len(earlier) - np.searchsorted(earlier, low, "left")
    beyond = len(later) - np.searchsorted(later, high, "right")
    return near - (begun - beyond) - 1


def _judged(run: RunData) -> Pairs:
    """Return the retries without the client library's own double sends, and without what cannot be seen whole."""
    attempts = run.columns.attempts
    blind = run.columns.requests.blind[attempts.request[run.retries.before]]
    library = _sends_twice(run)[attempts.provider[run.retries.before]]
    return run.retries.where(~(library & double_sends(attempts, run.retries)) & ~blind)


def _sends_twice(run: RunData) -> Bools:
    """Return at which providers the chain's client library sends a failed connection try again by itself.

    LiteLLM's does for Anthropic and for nobody else; anywhere else a retry at once is the chain's own.
    """
    chain = run.plan.chain
    hosted = chain.driver.startswith("litellm")
    dialects = {name: provider.dialect for name, provider in chain.providers.items()}
    return np.array([hosted and dialects.get(name) == "anthropic" for name in run.columns.providers], dtype=bool)


def _stalled(run: RunData, retries: Pairs) -> str:
    """Return which process stalled from the first to the last of some retries; empty if none did.

    The requests' phase is not enough: in the drain after the last one the machine may stall as well.
    """
    attempts, health = run.columns.attempts, run.columns.history.health
    first_ns, last_ns = attempts.end_ns[retries.before].min(), attempts.start_ns[retries.after].max()
    # A record speaks of the time before it: the lag itself, and the interval after which it was due.
    since_ns = health["at_ns"] - health["loop_lag_ns"] - HEALTH_EVERY_NS
    slow = health[(health["loop_lag_ns"] > STALL_NS) & (health["at_ns"] >= first_ns) & (since_ns <= last_ns)]
    if not len(slow):
        return ""
    worst = slow.loc[slow["loop_lag_ns"].idxmax()]
    return f"the {worst['process']} process stalled for {worst['loop_lag_ns'] / 10**6:.0f} ms while retries went on"
