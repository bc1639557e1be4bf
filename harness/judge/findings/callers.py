"""What happens around a caller's leaving: silence before it, work after it."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.metrics import zombie_ns
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats

IDLE_NS = 5 * 10**9
ZOMBIE_NS = 250_000_000


def hang(run: RunData) -> CheckResult:
    """The caller left unanswered, with no attempt open and none begun or ended for 5 s and the last Retry-After."""
    if run.plan.load.deadline <= IDLE_NS:
        return unsure("a deadline of 5 s or less is too short to tell a hang")
    requests = run.columns.requests
    idle_ns, told_ns = _idle(run)
    shown = requests.left & (idle_ns > np.fmax(told_ns, IDLE_NS) + TOLERANCE_NS)
    return by_request(
        run,
        shown=shown,
        could=requests.sent,
        did="were left waiting with nothing under way",
        nobody="no requests",
    )


def zombie_attempts(run: RunData) -> CheckResult:
    """An attempt begun more than 250 ms after the caller left."""
    return by_request(
        run,
        shown=run.columns.requests_with(zombie_ns(run) > ZOMBIE_NS),
        could=run.columns.requests.left,
        did="went on with new attempts after the caller had left",
        nobody="no caller left",
    )


def _idle(
    run: RunData,
) -> tuple[Floats, Floats]:
    """Return how long nothing had happened when each caller left, and the last Retry-After before; NaN if none."""
    requests, attempts = run.columns.requests, run.columns.attempts
    left_ns = np.where(requests.left, requests.end_ns, math.nan)
    mine: Bools = attempts.start_ns <= left_ns[attempts.request]
    request = attempts.request[mine]
    # An attempt without an end was open to the last.
    ends_ns = np.where(np.isnan(attempts.end_ns), math.inf, attempts.end_ns)[mine]
    last_ns = requests.start_ns.copy()
    np.fmax.at(last_ns, request, np.fmax(attempts.start_ns[mine], ends_ns))
    told_ns = np.full(len(requests), math.nan)
    heard = np.flatnonzero(mine & ~np.isnan(attempts.retry_after_ns))
    told_ns[attempts.request[heard]] = attempts.retry_after_ns[heard]
    return left_ns - last_ns, told_ns
