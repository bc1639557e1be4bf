"""Callers left waiting while the chain does nothing."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Floats

IDLE_NS = 5 * 10**9


def _check(run: RunData) -> CheckResult:
    if run.plan.load.deadline <= IDLE_NS:
        return unsure("a deadline of 5 s or less is too short to tell a hang")
    requests = run.columns.requests
    idle_ns, told_ns = _idle(run)
    shown = requests.left & (idle_ns > np.fmax(told_ns, IDLE_NS) + TOLERANCE_NS)
    return by_request(
        run,
        shown=shown,
        could=requests.sent,
        did="were left waiting with no attempt under way",
        nobody="no requests",
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


HANG = FindingKind(
    id="hang",
    severity="required",
    shown_by="request",
    name="caller left waiting for nothing",
    meaning="The caller left unanswered while no attempt was open and none had begun or ended for 5 s, nor within the last"
    " Retry-After. Needs a deadline over 5 s.",
    could="was sent",
    remedy="Give every wait inside the chain an end: a timeout for each attempt, and one for the whole request.",
    check=_check,
    harm=True,
)
