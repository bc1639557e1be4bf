"""Failures that no retry at the same provider can change, and the requests that met some failure."""

from __future__ import annotations

import numpy as np

from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, Ints

NON_RETRYABLE = (400, 401, 403, 404, 413, 422)


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
