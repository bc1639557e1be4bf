"""The last attempt of each request, of those that matter."""

from __future__ import annotations

import numpy as np

from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, Ints


def last(run: RunData, chosen: Bools) -> Ints:
    """Return the place of each request's last chosen attempt, -1 where it has none."""
    places = np.flatnonzero(chosen)
    found = np.full(len(run.columns.requests), -1)
    np.maximum.at(found, run.columns.attempts.request[places], places)
    return found
