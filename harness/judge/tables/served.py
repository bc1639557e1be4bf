"""How often a fallback helped, by what it depends on, and which requests were not served."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.intervals import wilson
from harness.judge.tables.columns import Bools, Columns, Ints
from harness.judge.tables.failures import CAUSES, causes
from harness.judge.tables.fallbacks import FAILED, SERVED
from harness.judge.tables.journeys import Journeys
from harness.lazy import lazy
from harness.scenario import Plan

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

NEVER_SENT, LEFT, ERROR, INCOMPLETE = "never sent", "caller left", "error", "incomplete"
GROUPS_MAX = 5
"""Into how many groups requests without an answer are put, the last one for all the rest."""
BINS = 12
"""About how many stretches of time a run is cut into."""
_KEYS = ["ended", "provider", "cause", "tried"]


def success_by(fallbacks: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return how often a step to another provider gave its caller the complete answer, by one column of the steps.

    A step whose answer was not needed, because another provider's was used, counts neither way.

    Args:
        fallbacks: See `fallbacks_table`.
        key: One of its columns; steps without a value are left out.

    Returns:
        One row per value, the most frequent first: the value in the column `key`, `served`, `failed`, `samples` (both), `share`
        (of the served ones), `low` and `high` (Wilson's 95 % interval of the share).
    """
    counted = fallbacks[fallbacks["result"].isin([SERVED, FAILED])]
    groups = counted.groupby(key, observed=True, sort=True)["result"]
    served = groups.agg(lambda results: int((results == SERVED).sum())).astype("int64")
    return (
        _shares(served, groups.size())
        .rename_axis(key)
        .reset_index()
        .sort_values("samples", ascending=False, kind="stable")
    )


def success_over_time(columns: Columns, journeys: Journeys) -> pd.DataFrame:
    """Return how many requests got a complete answer, and how many of those that reached a fallback, by when they were due.

    Returns:
        One row per stretch of time in which a request was due: `begin_ns` and `end_ns` since the origin, `phase` (no stretch has two),
        `served`, `failed`, `samples`, `share`, `low` and `high` of all requests (see `success_by`), and the same of those that
        reached a fallback with `fallback_` before each name (`fallback_share` NaN where none did).
    """
    requests = columns.requests
    edges, phases = _stretches(columns.plan)
    place = np.searchsorted(edges, requests.scheduled_ns, side="right") - 1
    due = (place >= 0) & (place < len(phases))
    samples = np.bincount(place[due], minlength=len(phases))
    kept = np.flatnonzero(samples)

    def shares(among: Bools) -> pd.DataFrame:
        counts = [np.bincount(place[mask], minlength=len(phases))[kept] for mask in (among & requests.complete, among)]
        return _shares(*(pd.Series(count) for count in counts))

    found = pd.concat([shares(due), shares(due & journeys.reached_fallback).add_prefix("fallback_")], axis=1)
    found.insert(0, "begin_ns", edges[:-1][kept])
    found.insert(1, "end_ns", edges[1:][kept])
    found.insert(2, "phase", [phases[at] for at in kept])
    return found


def passed_on_nowhere(columns: Columns, journeys: Journeys) -> pd.DataFrame:
    """Return the failed attempts of requests that reached no fallback, by provider and cause.

    Returns:
        One row per provider and cause, the most frequent first: `provider`, `cause` (one of CAUSES), `attempts`, `requests` (that
        have such an attempt), and `served` (how many of these got a complete answer all the same).
    """
    attempts = columns.attempts
    place = np.flatnonzero(attempts.failed & ~journeys.reached_fallback[attempts.request])
    rows = pd.DataFrame(
        {
            "provider": np.array(columns.providers, dtype=object)[attempts.provider[place]],
            "cause": np.array(CAUSES, dtype=object)[causes(columns, place)],
            "request": attempts.request[place],
            "complete": columns.requests.complete[attempts.request[place]],
        }
    )
    attempted = rows.groupby(["provider", "cause"]).size().rename("attempts")
    once = rows.drop_duplicates(["provider", "cause", "request"]).groupby(["provider", "cause"])["complete"]
    found = pd.concat([attempted, once.size().rename("requests"), once.sum().astype("int64").rename("served")], axis=1)
    return found.reset_index().sort_values("requests", ascending=False, kind="stable")


def _stretches(plan: Plan) -> tuple[Ints, list[str]]:
    """Return the edges of stretches of about the same length that end where phases end, and the phase of each."""
    target_ns = max(1, plan.end_ns // BINS)
    edges, names = [plan.phases[0].start_ns], []
    for phase in plan.phases:
        parts = max(1, round((phase.end_ns - phase.start_ns) / target_ns))
        edges += [phase.start_ns + (phase.end_ns - phase.start_ns) * part // parts for part in range(1, parts + 1)]
        names += [phase.name] * parts
    return np.array(edges, dtype=np.int64), names


def _shares(served: pd.Series[int], samples: pd.Series[int]) -> pd.DataFrame:
    intervals = [wilson(int(hits), int(n)) for hits, n in zip(served, samples, strict=True)]
    return pd.DataFrame(
        {
            "served": served,
            "failed": samples - served,
            "samples": samples,
            "share": served / samples,
            "low": pd.Series([low for low, _ in intervals], index=served.index, dtype="float64"),
            "high": pd.Series([high for _, high in intervals], index=served.index, dtype="float64"),
        }
    )


def not_served(columns: Columns, journeys: Journeys) -> pd.DataFrame:
    """Return the requests without a complete answer in at most `GROUPS_MAX` groups, by where and why they ended.

    Returns:
        One row per group, the largest first: `ended` (`never sent`, `caller left`, `error`, `incomplete`: an answer that is not
        complete; missing in the last group where that holds all the rest), `provider` (the last one asked; missing where none was, or where
        attempts may have no record), `cause` (why its last attempt failed, one of CAUSES; missing where it had not), `tried` (how
        many providers were asked), `of` (how many the request's order has; the most of its requests), `status` (what callers got most often; missing where
        no status came), `requests`, `first_ns` and `last_ns` (when the first and the last one were due), `waited_ns` (how long
        they took, median), `phases` and `kinds` (names, the most frequent first), `examples` (ids of three at most). Times are
        nanoseconds. A text that the chain has rewritten may be complete, and is not among them.
    """
    rows = _unserved(columns, journeys)
    if rows.empty:
        return pd.DataFrame(columns=[*_KEYS, "of", "status", "requests", *_ABOUT])
    groups = [group for _, group in rows.groupby(_KEYS, dropna=False, sort=False)]
    groups.sort(key=lambda group: -len(group))
    kept = groups if len(groups) <= GROUPS_MAX else groups[: GROUPS_MAX - 1]
    found = [_group(group) for group in kept]
    if len(kept) < len(groups):
        rest = pd.concat(groups[len(kept) :]).sort_values("due_ns", kind="stable")
        found.append(_group(rest) | dict.fromkeys([*_KEYS, "status"]))
    return pd.DataFrame(found)


_ABOUT = ("first_ns", "last_ns", "waited_ns", "phases", "kinds", "examples")


def _unserved(columns: Columns, journeys: Journeys) -> pd.DataFrame:
    """Return one row per request without a complete answer, in the order in which they were due."""
    requests, attempts = columns.requests, columns.attempts
    place = np.flatnonzero(~requests.complete & ~columns.rewritten)
    place = place[np.argsort(requests.scheduled_ns[place], kind="stable")]
    last = _last_attempts(columns)[place]
    known = (last >= 0) & ~requests.blind[place]
    failed = known & np.append(attempts.failed, False)[last]
    cause = np.full(len(place), -1)
    cause[failed] = causes(columns, last[failed])
    ended = np.select(
        [~requests.sent[place], requests.left[place], requests.failed[place]], [NEVER_SENT, LEFT, ERROR], INCOMPLETE
    )
    provider = np.where(known, np.append(attempts.provider, -1)[last], -1)
    return pd.DataFrame(
        {
            "ended": ended.astype(object),
            "provider": np.array([*columns.providers, None], dtype=object)[provider],
            "cause": np.array([*CAUSES, None], dtype=object)[cause],
            "tried": np.where(requests.blind[place], -1, journeys.providers[place]),
            "of": columns.orders.length[requests.order[place]],
            "status": requests.status[place],
            "due_ns": requests.scheduled_ns[place],
            "latency_ns": np.maximum(requests.end_ns - requests.scheduled_ns, 0)[place],
            "phase": np.array([*(phase.name for phase in columns.plan.phases), None], dtype=object)[
                requests.phase[place]
            ],
            "kind": np.array(columns.kinds, dtype=object)[requests.kind[place]],
            "request_id": requests.pick("request_id", place),
        }
    )


def _last_attempts(columns: Columns) -> Ints:
    """Return the place of the last attempt of each request; -1 where there was none."""
    attempts = columns.attempts
    last = np.full(len(columns.requests), -1, dtype=np.int64)
    last[attempts.request] = np.arange(len(attempts))  # sorted by request, then by start: the last one stays
    return last


def _group(rows: pd.DataFrame) -> dict[str, object]:
    first = rows.iloc[0]
    statuses = rows["status"].dropna().value_counts()
    took_ns = rows["latency_ns"].dropna()
    return {
        **{key: first[key] for key in _KEYS},
        "of": int(rows["of"].max()),
        "status": int(statuses.index[0]) if len(statuses) else None,
        "requests": len(rows),
        "first_ns": float(rows["due_ns"].min()),
        "last_ns": float(rows["due_ns"].max()),
        "waited_ns": float(took_ns.median()) if len(took_ns) else math.nan,
        "phases": tuple(rows["phase"].dropna().value_counts().index),
        "kinds": tuple(rows["kind"].value_counts().index),
        "examples": tuple(rows["request_id"].iloc[:3]),
    }
