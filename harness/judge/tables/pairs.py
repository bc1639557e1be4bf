"""Consecutive attempts of a request, and the waits between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.history.table import narrow
from harness.judge.tables.columns import TOLERANCE_NS, Attempts, Bools, Columns, Floats, Ints
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

DOUBLE_SEND_NS = 10_000_000
"""A second connection within this after a failed one is the client library's, not the chain's, if it stays the only one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Two attempts of one request, the second after the first; places in Attempts.

    Attributes:
        before: Place of the first attempt.
        after: Place of the second.
        gap_ns: From the end of the first to the start of the second; NaN if the first has no end.
        failed: The first failed, and the second began after that: the two were not open at once (hedging).
        early_ns: How long before the end of the first one's Retry-After the second began; NaN without a Retry-After.
    """

    before: Ints
    after: Ints
    gap_ns: Floats
    failed: Bools
    early_ns: Floats

    def __len__(self) -> int:
        return len(self.before)

    def where(self, mask: Bools) -> Pairs:
        """Return some of the pairs."""
        place = np.flatnonzero(mask)
        if len(place) == len(self):
            return self
        return Pairs(
            before=self.before[place],
            after=self.after[place],
            gap_ns=self.gap_ns[place],
            failed=self.failed[place],
            early_ns=self.early_ns[place],
        )


def consecutive(attempts: Attempts) -> Pairs:
    """Return all pairs of an attempt and the request's next one, at whatever provider."""
    before = np.flatnonzero(attempts.request[1:] == attempts.request[:-1]).astype(narrow(len(attempts)))
    return _pairs(attempts, before, before + 1)


def switches(attempts: Attempts, pairs: Pairs) -> Pairs:
    """Return those of the consecutive pairs that go from a failed attempt to another provider."""
    return pairs.where(pairs.failed & (attempts.provider[pairs.before] != attempts.provider[pairs.after]))


def retries(attempts: Attempts) -> Pairs:
    """Return all pairs of a failed attempt and the request's next one at the same provider for the same model.

    Attempts at other providers, or for other models, may lie between the two.
    """
    order, model = attempts.by_provider, _models(attempts)
    if model is not None:
        order = order[np.lexsort((model[order], attempts.provider[order], attempts.request[order]))]
    same = np.ones(len(order), dtype=bool)
    same[attempts.groups] = False
    if model is not None:
        same[1:] &= np.diff(model[order]) == 0
    place = np.flatnonzero(same[1:])
    pairs = _pairs(attempts, order[place], order[place + 1])
    return pairs.where(pairs.failed)


def _models(attempts: Attempts) -> Ints | None:
    """Return which model each attempt asked for; None where all asked for the same.

    The model of a connection try that only the chain has seen is unknown: it counts as that of its neighbour.
    """
    code, names = attempts.table.codes("model")
    if len(names) < 2:
        return None
    known, asked = pd.factorize(np.where(code < 0, np.nan, code)[attempts.row])  # in the order of the attempts
    if len(asked) < 2:
        return None
    model = pd.Series(np.where(known < 0, np.nan, known))
    keys = [attempts.request, attempts.provider]
    filled = model.groupby(keys).ffill()
    found: Ints = filled.groupby(keys).bfill().fillna(-1).to_numpy().astype(np.int64)
    return found


def double_sends(attempts: Attempts, pairs: Pairs) -> Bools:
    """Return which retries are the second half of a connection try that the client library sends twice.

    Of a run of such quick second tries every other one is: the library doubles each try, and no more.
    """
    connection = attempts.had("reset", "refused", "timeout")[pairs.before] & np.isnan(attempts.status[pairs.before])
    quick = connection & (pairs.gap_ns <= DOUBLE_SEND_NS)
    chained = np.zeros(len(pairs), dtype=bool)
    chained[1:] = quick[1:] & quick[:-1] & (pairs.after[:-1] == pairs.before[1:])
    place = np.arange(len(pairs))
    first = np.maximum.accumulate(np.where(chained, 0, place))
    mask: Bools = quick & ((place - first) % 2 == 0)
    return mask


def _pairs(attempts: Attempts, before: Ints, after: Ints) -> Pairs:
    gap_ns = attempts.start_ns[after] - attempts.end_ns[before]
    # Both stamps of an answered attempt are the edge's, so nothing of it is known before its end.
    early_ns = np.where(attempts.had("status")[before], 0, -TOLERANCE_NS)
    return Pairs(
        before=before,
        after=after,
        gap_ns=gap_ns,
        failed=attempts.failed[before] & (gap_ns >= early_ns),
        early_ns=attempts.retry_after_ns[before] - gap_ns,
    )


def retries_table(columns: Columns) -> pd.DataFrame:
    """Return one row per pair of consecutive attempts of a request, warm-up left out.

    Returns:
        `request_id`, `phase`, `from_provider`, `to_provider`, `kind` (`retry` at the same provider, `switch` to
        another), `gap_ns` (end of the one to start of the other; NaN if the one never ended, negative if both were
        open at once), `told_ns` (the first one's Retry-After, NaN if none), `early_ns` (how long before that
        the second began), `from_attempt`, `to_attempt`, `from_outcome`, `from_status`, and `nth` (which retry at
        `to_provider` the second is; 0 for the first try there).
    """
    providers, requests, attempts = columns.providers, columns.requests, columns.attempts
    pairs = consecutive(attempts)
    before, after = pairs.before, pairs.after
    names = np.array(providers, dtype=object)
    request = attempts.request[before]
    same = attempts.provider[before] == attempts.provider[after]
    return pd.DataFrame(
        {
            "request_id": requests.series("request_id", request),
            "phase": requests.series("phase", request),
            "from_provider": pd.Categorical(names[attempts.provider[before]], categories=providers),
            "to_provider": pd.Categorical(names[attempts.provider[after]], categories=providers),
            "kind": pd.Categorical(np.where(same, "retry", "switch"), categories=["retry", "switch"]),
            "gap_ns": pairs.gap_ns,
            "told_ns": attempts.retry_after_ns[before],
            "early_ns": pairs.early_ns,
            "from_attempt": attempts.series("attempt_id", before),
            "to_attempt": attempts.series("attempt_id", after),
            "from_outcome": attempts.series("outcome", before),
            "from_status": attempts.series("status", before),
            "nth": nth_at_provider(attempts)[after] - 1,
        }
    )


def nth_at_provider(attempts: Attempts, counted: Bools | None = None) -> Ints:
    """Return for each attempt its place among the request's attempts at its provider, from 1.

    Args:
        attempts: All of the run.
        counted: Which of them count; all if None. One that does not has the place of the last one before it that does.
    """
    order = attempts.by_provider
    fresh = np.zeros(len(order), dtype=bool)
    fresh[attempts.groups] = True
    size = np.ones(len(order), dtype=np.int64) if counted is None else counted[order].astype(np.int64)
    total = np.cumsum(size)
    nth = np.empty(len(order), dtype=np.int64)
    nth[order] = total - np.maximum.accumulate(np.where(fresh, total - size, 0))
    return nth
