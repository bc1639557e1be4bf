"""What kinds of failure there are, and which of them no retry at the same provider can change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import numpy as np

from harness.chain.facts import FailureClass
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Attempts, Bools, Ints, fault_ids, places

CLASSES: tuple[FailureClass, ...] = get_args(FailureClass)
_STATUSES: Mapping[FailureClass, tuple[int, ...]] = {
    "rate_limit": (429,),
    "timeout": (408, 504),
    "denied": (401, 403, 404),
    "invalid": (400, 413, 422),
}
NON_RETRYABLE = (400, 401, 403, 404, 413, 422)
QUOTA_CODES = (
    "insufficient_quota",
    "organization_spend_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
    "usage_limit",
    "spend_limit",
)
PAYMENT_REQUIRED = 402
"""What some send instead of a 429, whatever their body's code; a 429 needs one of the codes."""
QUOTA_PRESETS = frozenset({"quota", "spend_limit"})


def failure_classes(attempts: Attempts) -> Ints:
    """Return the place of each failure's class in CLASSES, -1 for successes and for failures of no one class."""
    found = np.full(len(attempts), -1)
    server_error = attempts.status >= 500
    found[server_error] = CLASSES.index("server_error")
    for failure, statuses in _STATUSES.items():
        found[np.isin(attempts.status, statuses)] = CLASSES.index(failure)
    unanswered = np.isnan(attempts.status)
    found[unanswered & attempts.had("reset", "refused")] = CLASSES.index("connection")
    found[unanswered & attempts.had("timeout")] = CLASSES.index("timeout")
    return found


def quota(run: RunData) -> Bools:
    """Return which attempts failed because a quota or a spend limit was used up."""
    attempts = run.columns.attempts
    windows = run.plan.timeline.windows
    presets = [fault_ids(windows).index(w.fault_id) for w in windows if w.inject.error in QUOTA_PRESETS]
    spent = places(attempts.table["error_code"], QUOTA_CODES)[attempts.row] >= 0
    if presets:
        spent |= np.isin(attempts.fault, presets)
    mask: Bools = (spent & (attempts.status == 429)) | (attempts.status == PAYMENT_REQUIRED)
    return mask


def retried(run: RunData, after: Bools) -> Bools:
    """Return which requests went back to a provider after such an attempt at it."""
    before = run.retries.before
    return having(run, before[after[before]])


def having(run: RunData, attempts: Ints) -> Bools:
    """Return which requests made some attempts.

    Args:
        run: The run.
        attempts: Places of the attempts.
    """
    mask = np.zeros(len(run.columns.attempts), dtype=bool)
    mask[attempts] = True
    return run.columns.requests_with(mask)
