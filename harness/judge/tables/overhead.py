"""What requests that a fallback served spent their time on, against those of the same run that met no fault."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.tables.columns import Bools, Columns, Floats
from harness.judge.tables.fallbacks import TRIGGERS, Fallbacks
from harness.judge.tables.journeys import Journeys
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

PARTS = ("failed_ns", "waiting_ns", "serving_ns")


def untouched(columns: Columns, journeys: Journeys) -> Bools:
    """Return which requests met no fault: none of their attempts failed or was changed, and they were served completely."""
    failed = columns.requests_with(columns.attempts.failed)
    mask: Bools = columns.requests.complete & ~journeys.exposed & ~failed & ~journeys.reached_fallback
    return mask


def overhead_table(columns: Columns, journeys: Journeys, fallbacks: Fallbacks) -> pd.DataFrame:
    """Return one row per request that tried its first provider first and got its complete answer from another.

    Returns:
        `request_id`, `phase`, `depth` (how many steps it took to the provider that served), `trigger` (what led away from the first
        provider), `served_by`, and in nanoseconds `total_ns` (from the intended start to the end), `failed_ns` (in attempts before
        the one that served, overlaps counted once), `waiting_ns` (between them), `serving_ns` (from the start of the attempt that
        served to the request's end), and `avoidable_ns`: from the end of its first failed attempt to the start of the one that served.
        A chain that fell back at once would have saved that part; a hedge that served before any failure has 0.
    """
    requests, attempts = columns.requests, columns.attempts
    place = np.flatnonzero(requests.complete & ~np.isnan(journeys.overhead_ns))
    winner, first = journeys.winner[place], journeys.first[place]
    step = _steps(columns, journeys, fallbacks)
    won_ns, failed_end_ns = attempts.start_ns[winner], _first_failure_ns(columns)[place]
    return pd.DataFrame(
        {
            "request_id": requests.pick("request_id", place),
            "phase": np.array([*(phase.name for phase in columns.plan.phases), None], dtype=object)[
                requests.phase[place]
            ],
            "depth": step["depth"].to_numpy()[place],
            "trigger": pd.Categorical(
                np.array([*TRIGGERS, None], dtype=object)[step["trigger"].to_numpy()[place]], categories=TRIGGERS
            ),
            "served_by": pd.Categorical(
                np.array(columns.providers, dtype=object)[attempts.provider[winner]], categories=columns.providers
            ),
            "total_ns": journeys.latency_ns[place],
            "before_ns": np.maximum(attempts.start_ns[first] - requests.scheduled_ns[place], 0),
            "failed_ns": journeys.failed_ns[place],
            "waiting_ns": journeys.waiting_ns[place],
            "serving_ns": np.maximum(requests.end_ns[place] - won_ns, 0),
            "avoidable_ns": np.nan_to_num(np.maximum(won_ns - failed_end_ns, 0)),
        }
    )


def _steps(columns: Columns, journeys: Journeys, fallbacks: Fallbacks) -> pd.DataFrame:
    """Return for each request how many steps led to the attempt that served, and the first one's trigger (-1: none)."""
    size = len(columns.requests)
    request = columns.attempts.request[fallbacks.after]
    taken = fallbacks.after <= journeys.winner[request]
    depth = np.bincount(request[taken], minlength=size)
    trigger = np.full(size, -1)
    trigger[request[::-1]] = fallbacks.trigger[::-1]  # the first one stays
    return pd.DataFrame({"depth": depth, "trigger": trigger})


def _first_failure_ns(columns: Columns) -> Floats:
    """Return when the first attempt of each request ended that failed; NaN where none did."""
    attempts = columns.attempts
    failed = np.flatnonzero(attempts.failed)
    ended = np.full(len(columns.requests), math.nan)
    ended[attempts.request[failed[::-1]]] = attempts.end_ns[failed[::-1]]
    return ended


def overhead_by(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return what requests spent their time on, by one column of `overhead_table`.

    Returns:
        One row per value: the value in the column `key`, `requests`, `total_ns` and its parts `before_ns`, `failed_ns`, `waiting_ns` and
        `serving_ns` (means, so that the parts add up), `p50_ns` (the median of the total), and `wasted` (the share of all their time
        that is `avoidable_ns`).
    """
    groups = table.groupby(key, observed=True, sort=True)
    means = groups[["total_ns", "before_ns", *PARTS]].mean()
    sums = groups[["avoidable_ns", "total_ns"]].sum()
    means.insert(0, "requests", groups.size())
    means["p50_ns"] = groups["total_ns"].median()
    means["wasted"] = sums["avoidable_ns"] / sums["total_ns"]
    return means.rename_axis(key).reset_index()
