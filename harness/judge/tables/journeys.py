"""The journey of each request through the chain: who was tried, who served, what the fallback cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.history.table import narrow
from harness.judge.tables.columns import Attempts, Bools, Columns, Floats, Ints, largest_before
from harness.judge.tables.outages import Outage, merged
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

_RECORDED = ("request_id", "phase", "kind", "scheduled_ns", "outcome")


@dataclass(frozen=True, slots=True, kw_only=True)
class Journeys:
    """One entry per measured request; places are those in Attempts, -1 where there is none.

    Attributes:
        attempts: How many there were.
        providers: How many different providers were tried.
        depth: Place in the request's order of the deepest provider tried; 0 is the primary.
        first: Place of the first attempt.
        winner: Place of the attempt whose answer the caller got.
        served_by: The provider whose answer the caller got.
        by_fallback: That is another provider than the first (the primary and its peers).
        reached_fallback: Another than the first was tried.
        primary_skipped: The first attempt was not at the first provider.
        exposed: At least one attempt was changed by a fault.
        outlived: Begun in a fault at the first provider, which served it after the fault's end.
        began_ns: Start of the first attempt.
        overhead_ns: From the start of the first attempt, at the first provider, to that of the winning one at another.
        failed_ns: The part of it that was spent in attempts.
        waiting_ns: The rest of it.
        unserved_ns: How long a caller waited who left unserved, from the start of the first attempt, at the first provider.
        latency_ns: From the intended start to the end; at least the deadline for a caller who gave up or never went out.
        ttft_ns: The same to a stream's first content; without any the latency, and at least the deadline. NaN if no stream.
    """

    attempts: Ints
    providers: Ints
    depth: Ints
    first: Ints
    winner: Ints
    served_by: Ints
    by_fallback: Bools
    reached_fallback: Bools
    primary_skipped: Bools
    exposed: Bools
    outlived: Bools
    began_ns: Floats
    overhead_ns: Floats
    failed_ns: Floats
    waiting_ns: Floats
    unserved_ns: Floats
    latency_ns: Floats
    ttft_ns: Floats


def journeys_of(columns: Columns) -> Journeys:
    """Return the journey of each request."""
    requests, attempts = columns.requests, columns.attempts
    size = len(requests)
    count = np.bincount(attempts.request, minlength=size)
    place = narrow(len(attempts))
    first = np.full(size, -1, dtype=place)
    fresh = np.diff(attempts.request, prepend=-1) != 0
    first[attempts.request[fresh]] = np.flatnonzero(fresh)
    winner = np.full(size, -1, dtype=place)
    winner[attempts.request[attempts.used]] = np.flatnonzero(attempts.used)
    named = requests.table.places("served_by", columns.providers)[requests.row]
    served_by = np.where(winner >= 0, _take(attempts.provider, winner), named)
    depth = np.full(size, -1, dtype=attempts.place.dtype)
    np.maximum.at(depth, attempts.request[attempts.in_order], attempts.place[attempts.in_order])
    elsewhere = attempts.level > 0
    began_first = _at_first(attempts, first)
    overhead_ns, failed_ns = _overhead(columns, first, winner)
    latency_ns, ttft_ns = _latency(columns)
    began_ns = np.append(attempts.start_ns, math.nan)[first]
    return Journeys(
        attempts=count,
        providers=_distinct(attempts, size),
        depth=depth,
        first=first,
        winner=winner,
        served_by=served_by,
        by_fallback=columns.orders.level_of(requests.order, served_by) > 0,
        reached_fallback=columns.requests_with(elsewhere),
        primary_skipped=(first >= 0) & ~began_first,
        exposed=columns.requests_with(attempts.touched),
        outlived=_outlived(columns, first, winner),
        began_ns=began_ns,
        overhead_ns=overhead_ns,
        failed_ns=failed_ns,
        waiting_ns=overhead_ns - failed_ns,
        unserved_ns=np.where(
            requests.left & (winner < 0) & began_first,
            np.maximum(requests.end_ns - began_ns, 0.0),
            math.nan,
        ),
        latency_ns=latency_ns,
        ttft_ns=ttft_ns,
    )


def _take(values: Ints, places: Ints) -> Ints:
    """Return the values at some places, -1 where the place is."""
    return np.append(values, values.dtype.type(-1))[places]


def _at_first(attempts: Attempts, places: Ints) -> Bools:
    """Return which of some attempts were at the first provider of their request; -1 is none."""
    mask: Bools = np.append(attempts.level == 0, False)[places]
    return mask


def _distinct(attempts: Attempts, size: int) -> Ints:
    return np.bincount(attempts.request[attempts.by_provider[attempts.groups]], minlength=size)


def _overhead(columns: Columns, first: Ints, winner: Ints) -> tuple[Floats, Floats]:
    """Return the overhead of each request that another than the first provider served, and what attempts took of it."""
    attempts = columns.attempts
    began, ended = (_at_first(attempts, place) for place in (first, winner))
    fell = (winner >= 0) & began & ~ended
    overhead_ns = np.full(len(first), math.nan)
    overhead_ns[fell] = attempts.start_ns[winner[fell]] - attempts.start_ns[first[fell]]
    failed_ns = np.full(len(first), math.nan)
    # Attempts may overlap (hedging): time covered by two counts once.
    chosen = np.flatnonzero(fell[attempts.request] & (np.arange(len(attempts)) < winner[attempts.request]))
    request = attempts.request[chosen]
    won_ns = attempts.start_ns[winner[request]]
    ends = np.fmin(attempts.end_ns[chosen], won_ns)
    starts = np.fmax(attempts.start_ns[chosen], largest_before(ends, request))
    spent = np.bincount(request, weights=np.maximum(ends - starts, 0), minlength=len(first))
    failed_ns[fell] = spent[fell]
    return overhead_ns, failed_ns


def _latency(columns: Columns) -> tuple[Floats, Floats]:
    requests = columns.requests
    deadline_ns = float(columns.plan.load.deadline)
    latency_ns = requests.end_ns - requests.scheduled_ns
    gone = requests.left | np.isnan(latency_ns)
    latency_ns[gone] = np.fmax(latency_ns[gone], deadline_ns)
    ttft_ns = requests.first_token_ns - requests.scheduled_ns
    # Were those without a first token left out, a chain whose slow streams all fail would look quick.
    unanswered = np.isnan(ttft_ns)
    ttft_ns[unanswered] = np.fmax(latency_ns[unanswered], deadline_ns)
    ttft_ns[~requests.streaming] = math.nan
    return latency_ns, ttft_ns


def _outlived(columns: Columns, first: Ints, winner: Ints) -> Bools:
    attempts = columns.attempts
    outlived = np.zeros(len(first), dtype=bool)
    at_primary = _at_first(attempts, winner)
    began_ns = np.where(first >= 0, np.append(attempts.start_ns, math.nan)[first], math.nan)
    won_ns = np.where(winner >= 0, np.append(attempts.start_ns, math.nan)[winner], math.nan)
    for names, among in columns.by_first:
        for outage in merged(columns.plan, names):
            outlived |= among & at_primary & _within(began_ns, outage) & (won_ns >= outage.end_ns)
    return outlived


def _within(at_ns: Floats, outage: Outage) -> Bools:
    return (at_ns >= outage.start_ns) & (at_ns < outage.end_ns)


def journeys_table(columns: Columns, journeys: Journeys) -> pd.DataFrame:
    """Return one row per measured request: the fields of Journeys, with names in place of places, and what it was."""
    requests, attempts = columns.requests, columns.attempts
    names = np.array([*columns.providers, None], dtype=object)
    everyone = np.arange(len(requests))
    return pd.DataFrame(
        {
            **{name: requests.series(name, everyone) for name in _RECORDED},
            "complete": requests.complete,
            "attempts": journeys.attempts,
            "providers": journeys.providers,
            "depth": journeys.depth.astype(np.int64),
            "served_by": pd.Categorical(names[journeys.served_by], categories=columns.providers),
            "first_attempt": attempts.series("attempt_id", journeys.first),
            "winning_attempt": attempts.series("attempt_id", journeys.winner),
            "by_fallback": journeys.by_fallback,
            "reached_fallback": journeys.reached_fallback,
            "primary_skipped": journeys.primary_skipped,
            "exposed": journeys.exposed,
            "outlived": journeys.outlived,
            "fallback_overhead_ns": journeys.overhead_ns,
            "failed_ns": journeys.failed_ns,
            "waiting_ns": journeys.waiting_ns,
            "latency_ns": journeys.latency_ns,
            "ttft_ns": journeys.ttft_ns,
        }
    )
