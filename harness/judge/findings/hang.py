"""Callers left waiting while the chain does nothing."""

from __future__ import annotations

import math

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Floats, largest_before
from harness.judge.tables.gateway import met_gateway_fault

IDLE_NS = 5 * 10**9
WAIT_FACTOR = 2
"""An exponential backoff doubles its waits."""


def _check(run: RunData) -> CheckResult:
    if run.plan.load.deadline <= IDLE_NS:
        return unsure("a deadline of 5 s or less is too short to tell a hang")
    requests = run.columns.requests
    idle_ns, explained_ns = _waits(run)
    known = ~met_gateway_fault(run, "gateway")  # the harness itself may have held the answer back
    return by_request(
        run,
        shown=known & requests.left & (idle_ns > np.fmax(explained_ns, IDLE_NS) + TOLERANCE_NS),
        could=known & requests.sent,
        did="were left waiting with no attempt under way",
        nobody="no requests",
    )


def _waits(run: RunData) -> tuple[Floats, Floats]:
    """Return how long nothing had happened when each caller left, and for how long that may have been meant.

    Meant: as long as the last Retry-After, or twice the longest wait before, as in an exponential backoff.
    """
    requests, attempts = run.columns.requests, run.columns.attempts
    left_ns = np.where(requests.left, requests.end_ns, math.nan)
    mine = np.flatnonzero(attempts.start_ns <= left_ns[attempts.request])
    request, start_ns = attempts.request[mine], attempts.start_ns[mine]
    # An attempt without an end was open to the last.
    ends_ns = np.fmax(np.where(np.isnan(attempts.end_ns[mine]), math.inf, attempts.end_ns[mine]), start_ns)
    before_ns = largest_before(ends_ns, request)
    waited_ns = start_ns - np.where(np.isnan(before_ns), requests.start_ns[request], before_ns)
    explained_ns = np.full(len(requests), math.nan)
    asked = ~np.isnan(attempts.retry_after_ns[mine])
    explained_ns[request[asked]] = attempts.retry_after_ns[mine][asked]
    np.fmax.at(explained_ns, request, WAIT_FACTOR * waited_ns)
    last_ns = requests.start_ns.copy()
    np.fmax.at(last_ns, request, ends_ns)
    return left_ns - last_ns, explained_ns


HANG = FindingKind(
    id="hang",
    severity="required",
    shown_by="request",
    name="caller left waiting for nothing",
    meaning="The caller left unanswered while no attempt was open and none had begun or ended for 5 s, for longer than the"
    " last Retry-After and for longer than twice the request's longest wait before. Needs a deadline over 5 s. Not while the gateway itself was under a fault; a fault on its database counts.",
    could="was sent",
    remedy=Remedy(
        "Give every wait inside the chain an end: a timeout for each attempt, and one for the whole request."
    ),
    check=_check,
    across=True,
    harm=True,
)
