"""How single requests retry: too early, in vain, too often."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.run_data import RunData
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Ints, fault_ids, places
from harness.judge.tables.pairs import nth_at_provider

NON_RETRYABLE = (400, 401, 403, 404, 413, 422)
QUOTA_CODES = (
    "insufficient_quota",
    "organization_spend_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
)
PAYMENT_REQUIRED = 402
"""What some say instead of 429, whatever their body's code; a 429 needs one to be told from a mere rate limit."""
QUOTA_PRESETS = frozenset({"quota", "spend_limit"})
STORM_ATTEMPTS = 5
STORM_FACTOR = 2


def retry_after_ignored(run: RunData) -> CheckResult:
    """A retry at the same provider begins more than 50 ms before the time that it was told."""
    pairs, attempts = run.retries, run.columns.attempts
    early = pairs.before[pairs.early_ns > TOLERANCE_NS]
    told = ~np.isnan(attempts.retry_after_ns) & attempts.failed
    return by_request(
        run,
        shown=_requests(run, early),
        could=run.columns.requests_with(told),
        did="retried a provider before the time that it had told them",
        nobody="no request was told a Retry-After",
    )


def non_retryable_retried(run: RunData) -> CheckResult:
    """The same provider is tried again after 400, 401, 403, 404, 413 or 422."""
    hopeless = np.isin(run.columns.attempts.status, NON_RETRYABLE)
    return by_request(
        run,
        shown=_retried(run, hopeless),
        could=run.columns.requests_with(hopeless),
        did="tried a provider again after an answer that no retry can change",
        nobody="no request got a 400, 401, 403, 404, 413 or 422",
    )


def quota_retried(run: RunData) -> CheckResult:
    """The same provider is tried again after a quota or spend-limit 429, or a 402."""
    spent = quota(run)
    return by_request(
        run,
        shown=_retried(run, spent),
        could=run.columns.requests_with(spent),
        did="tried a provider again whose quota was used up",
        nobody="no request was told that a quota was used up",
    )


def retry_storm(run: RunData) -> CheckResult:
    """More than 5 attempts of one request at one provider, or more than twice a declared `retry.attempts`."""
    attempts, retry = run.columns.attempts, run.plan.chain.retry
    limit = STORM_FACTOR * retry.attempts if retry and retry.attempts else STORM_ATTEMPTS
    return by_request(
        run,
        shown=run.columns.requests_with(nth_at_provider(attempts) > limit),
        could=run.journeys.attempts > 0,
        did=f"made more than {limit} attempts at one provider",
        nobody="no request made an attempt",
    )


def quota(run: RunData) -> Bools:
    """Return which attempts were told that a quota or a spend limit was used up."""
    attempts = run.columns.attempts
    windows = run.plan.timeline.windows
    presets = [fault_ids(windows).index(w.fault_id) for w in windows if w.inject.error in QUOTA_PRESETS]
    spent = places(attempts.table["error_code"], QUOTA_CODES)[attempts.row] >= 0
    if presets:
        spent |= np.isin(attempts.fault, presets)
    mask: Bools = (spent & (attempts.status == 429)) | (attempts.status == PAYMENT_REQUIRED)
    return mask


def _retried(run: RunData, after: Bools) -> Bools:
    """Return which requests went back to a provider after such an attempt at it."""
    before = run.retries.before
    return _requests(run, before[after[before]])


def _requests(run: RunData, attempts: Ints) -> Bools:
    mask = np.zeros(len(run.columns.attempts), dtype=bool)
    mask[attempts] = True
    return run.columns.requests_with(mask)
