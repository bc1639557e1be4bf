"""Retries of many requests at the same moment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.findings.check_result import CheckResult, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.findings.retry_timing import judged_retries, stalled
from harness.judge.remedies import Remedy
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Floats, Ints
from harness.lazy import lazy

if TYPE_CHECKING:
    from scipy import special
else:
    special = lazy("scipy.special")

LOCKSTEP_NS = 10_000_000
LOCKSTEP_OTHERS = 9
CHANCE = 0.999
"""Neighbours that a Poisson stream of retries at the highest planned rate would have in all but one of a thousand cases."""


def _check(run: RunData) -> CheckResult:
    retries = judged_retries(run)
    samples = len(retries)
    if not samples:
        return unsure("no retries")
    if lag := stalled(run, retries):
        return unsure(lag, samples)
    attempts = run.columns.attempts
    request = attempts.request[retries.after]
    retried = np.bincount(request) > 0
    per_request = samples / int(retried.sum())
    mean = run.plan.load.peak_rate * per_request * 2 * LOCKSTEP_NS / 10**9
    enough = max(LOCKSTEP_OTHERS, math.ceil(special.pdtrik(CHANCE, mean)) + 1)
    count = int((neighbours(attempts.start_ns[retries.after], request) >= enough).sum())
    message = f"{count} of {samples} retries began within 10 ms of those of {enough} or more other requests"
    status = Status.FAIL if 2 * count > samples else Status.PASS
    return CheckResult(status=status, count=count, samples=samples, message=message)


def neighbours(at_ns: Floats, request: Ints) -> Ints:
    """Return for each retry, in the order of time, how many other requests have one within 10 ms of it, before or after."""
    ordered = np.sort(at_ns)
    low, high = ordered - LOCKSTEP_NS, ordered + LOCKSTEP_NS
    near = np.searchsorted(ordered, high, "right") - np.searchsorted(ordered, low, "left")
    # Of several retries of one request inside the span only the first may count. Two that lie both inside it are
    # no further apart than it is long, so one sorted list of such pairs' starts, and one of their ends, count them.
    order = np.lexsort((at_ns, request))
    again = np.diff(request[order]) == 0
    earlier, later = at_ns[order][:-1][again], at_ns[order][1:][again]
    short = later - earlier <= 2 * LOCKSTEP_NS
    if not short.any():
        return near - 1
    earlier, later = np.sort(earlier[short]), np.sort(later[short])
    begun = len(earlier) - np.searchsorted(earlier, low, "left")
    beyond = len(later) - np.searchsorted(later, high, "right")
    return near - (begun - beyond) - 1


LOCKSTEP_RETRIES = FindingKind(
    id="lockstep_retries",
    severity="required",
    shown_by="run",
    name="requests retry all at once",
    meaning="Over half of the retries began within 10 ms of those of nine other requests, and of more than a Poisson stream"
    " of retries at the planned rate would bring together in 999 of 1,000 cases.",
    could="retries",
    remedy=Remedy("Add a random part (jitter) to each wait before a retry."),
    check=_check,
)
