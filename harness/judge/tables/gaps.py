"""Each wait before a retry, against what the chain's own settings allow and what the provider had asked for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.chain.waits import WaitRule
from harness.judge.tables.columns import TOLERANCE_NS, Bools, Columns
from harness.judge.tables.failures import CAUSES, causes
from harness.judge.tables.pairs import Pairs, nth_at_provider
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

EARLY, WITHIN, LATE = "too early", "within", "later"
SIDES = (EARLY, WITHIN, LATE)


def gaps_table(columns: Columns, gaps: Pairs, second_sends: Bools, rules: Mapping[str, WaitRule]) -> pd.DataFrame:
    """Return one row per retry that follows a failed attempt at the same provider, warm-up left out.

    What a client library sends twice by itself is no retry, and requests whose attempts may have no record are left out.

    Args:
        columns: The run.
        gaps: Its consecutive pairs at one provider, the first failed.
        second_sends: Which attempts are a client library's own.
        rules: By which rule the chain waits, by provider, where that is known.

    Returns:
        `request_id`, `phase`, `provider`, `nth` (which retry of its request at the provider, from 1), `cause` (why the attempt before
        failed), and in nanoseconds `start_ns` (when it began), `gap_ns` (from the end of the attempt before), `told_ns` (the
        Retry-After of that; NaN if it had none), `least_ns` and `most_ns` (the band that the rule allows; where it is not
        known from Retry-After on, NaN without one); and `side`: `too early` or `later` if it lies more than 50 ms outside of the band, else `within`; missing
        where the band is not known.
    """
    requests, attempts = columns.requests, columns.attempts
    pairs = gaps.where(
        ~second_sends[gaps.after] & ~requests.blind[attempts.request[gaps.before]] & ~np.isnan(gaps.gap_ns)
    )
    names = np.array(columns.providers, dtype=object)
    request = attempts.request[pairs.after]
    provider = names[attempts.provider[pairs.after]]
    nth = nth_at_provider(attempts, ~second_sends)[pairs.after] - 1
    told_ns = attempts.retry_after_ns[pairs.before]

    @lru_cache(maxsize=10_000)  # most retries of a run share a few bands
    def band(name: str, number: int, told: float | None) -> tuple[float, float]:
        rule = rules.get(name)
        if rule is None:
            return (math.nan, math.nan) if told is None else (told, math.inf)
        found = rule.band(number, told)
        return float(found.least), float(found.most)

    bands = [
        band(name, int(number), None if math.isnan(told) else float(told))
        for name, number, told in zip(provider, nth, told_ns, strict=True)
    ]
    least_ns, most_ns = np.array(bands, dtype=float).reshape(-1, 2).T
    side = np.select([pairs.gap_ns < least_ns - TOLERANCE_NS, pairs.gap_ns > most_ns + TOLERANCE_NS], [0, 2], 1)
    side = np.where(np.isnan(least_ns), -1, side)
    return pd.DataFrame(
        {
            "request_id": requests.series("request_id", request),
            "phase": requests.series("phase", request),
            "provider": pd.Categorical(provider, categories=columns.providers),
            "nth": nth,
            "cause": pd.Categorical(np.array(CAUSES, dtype=object)[causes(columns, pairs.before)], categories=CAUSES),
            "start_ns": attempts.start_ns[pairs.after],
            "gap_ns": pairs.gap_ns,
            "told_ns": told_ns,
            "least_ns": least_ns,
            "most_ns": most_ns,
            "side": pd.Categorical(np.array([*SIDES, None], dtype=object)[side], categories=SIDES),
        }
    )


def obeyed(gaps: pd.DataFrame) -> pd.Series[bool]:
    """Return which retries came no sooner than their Retry-After allowed; those without one did not."""
    mask: pd.Series[bool] = gaps["gap_ns"] >= gaps["told_ns"] - TOLERANCE_NS
    return mask
