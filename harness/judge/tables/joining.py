"""Attempts joined to their requests, sorted, without warm-up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.history.records import CACHE, WARMUP
from harness.judge.tables.columns import (
    OUTCOMES,
    Attempts,
    Bools,
    Columns,
    Floats,
    Ints,
    Objects,
    Requests,
    are_success,
    fault_ids,
    floats,
    places,
    texts,
)
from harness.judge.tables.missing import missing_requests
from harness.judge.tables.orders import Orders
from harness.lazy import lazy
from harness.scenario import Plan, Window

if TYPE_CHECKING:
    import pandas as pd

    from harness.history import History
else:
    pd = lazy("pandas")


def columns(plan: Plan, history: History) -> Columns:
    """Return a history as columns of its plan."""
    providers, provider = _providers(history.attempts["provider"], plan.chain.names)
    orders, kinds = Orders.of(plan, providers), plan.load.kinds
    requests = _requests(plan, history, orders, kinds)
    attempts, orphans = _joined(plan, history, requests, orders, provider)
    # A run that was cut short ends with the last request that was due.
    until_ns = math.inf if history.complete else requests.scheduled_ns.max(initial=-math.inf)
    if history.aborted is not None:
        until_ns = history.aborted.at_ns
    return Columns(
        plan=plan,
        history=history,
        providers=providers,
        kinds=kinds,
        orders=orders,
        requests=requests,
        attempts=attempts,
        orphans=orphans,
        # What was going on when a run was aborted has no record, and is not missing.
        missing=missing_requests(plan, requests, kinds, until_ns if history.aborted is None else -math.inf),
        begun=np.array([phase.start_ns <= until_ns for phase in plan.phases], dtype=bool),
    )


def _joined(plan: Plan, history: History, requests: Requests, orders: Orders, provider: Ints) -> tuple[Attempts, int]:
    """Return the attempts of the measured requests, and the number of orphans."""
    known = pd.Index(np.asarray(requests.table["request_id"], dtype=object), dtype=object)
    request_id = np.asarray(history.attempts["request_id"], dtype=object)
    request = known.get_indexer(pd.Index(request_id, dtype=object))
    stray = request < 0
    warm = history.attempts["start_ns"].to_numpy()[stray] < 0
    warm |= np.array([str(name).startswith(f"{WARMUP}-") for name in request_id[stray]], dtype=bool)
    orphans = int(len(warm) - warm.sum())
    attempts = _attempts(
        history.attempts,
        request=request,
        provider=provider,
        requests=requests,
        orders=orders,
        names=plan.chain.names,
        windows=plan.timeline.windows,
    )
    return attempts, orphans


def _providers(column: pd.Series[Any], known: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the known names, then any others that a column holds, and the column's places among them."""
    place = places(column, known)
    others = column[place < 0].dropna().unique()
    names = (*known, *sorted(others))
    return names, places(column, names) if len(others) else place


def _requests(plan: Plan, history: History, orders: Orders, kinds: Sequence[str]) -> Requests:
    table = history.requests
    measured = (table["phase"] != WARMUP).to_numpy(bool) & (table["scheduled_ns"] >= 0).to_numpy(bool)
    table = table[measured].reset_index(drop=True)
    outcome = np.asarray(table["outcome"], dtype=object)
    scheduled_ns, end_ns = floats(table["scheduled_ns"]), floats(table["end_ns"])
    blind = np.zeros(len(table), dtype=bool)
    if history.unseen:
        for window in plan.timeline.windows:
            if window.blocks is not None:
                blind |= (scheduled_ns < window.end_ns) & ~(end_ns < window.start_ns)
    return Requests(
        table=table,
        phase=places(table["phase"], [phase.name for phase in plan.phases]),
        kind=places(table["kind"], kinds) if len(kinds) > 1 else np.zeros(len(table), dtype=np.int64),
        order=_order(plan, table, orders),
        before=_before(plan, table),
        scheduled_ns=scheduled_ns,
        start_ns=floats(table["start_ns"]),
        first_token_ns=floats(table["first_token_ns"]),
        end_ns=end_ns,
        status=floats(table["status"]),
        ok=outcome == "ok",
        failed=outcome == "error",
        truncated=outcome == "truncated",
        complete=table["complete"].to_numpy(bool),
        left=table["client_left"].to_numpy(bool) | (outcome == "deadline"),
        sent=outcome != "dropped",
        named=table["sources"].str.len().to_numpy(np.float64) > 0,
        cached=texts(table["served_by"]) == CACHE,
        unnamed=_unnamed(table),
        streaming=table["streaming"].to_numpy(bool),
        blind=blind,
    )


def _order(plan: Plan, table: pd.DataFrame, orders: Orders) -> Ints:
    """Return which of the orders each request should follow: that of its part of the load."""
    if len(orders.names) == 1:
        return np.zeros(len(table), dtype=np.int64)
    part = {arrival.request_id: arrival.part for arrival in plan.arrivals}
    found: Ints = orders.of_part[table["request_id"].map(part).fillna(0).to_numpy(np.int64)]
    return found


def _before(plan: Plan, table: pd.DataFrame) -> Ints:
    """Return the place of the turn before each request; -1 where it is the first, or its turn before has no record."""
    after = {arrival.request_id: arrival.after for arrival in plan.arrivals if arrival.after is not None}
    if not after:
        return np.full(len(table), -1)
    return places(table["request_id"].map(after), list(table["request_id"]))


def _unnamed(table: pd.DataFrame) -> Bools:
    taken = (table["outcome"] == "ok").to_numpy(bool) & are_success(floats(table["status"]))
    named = table["sources"].str.len().to_numpy(np.float64) > 0
    unnamed: Bools = taken & (floats(table["text_chars"]) > 0) & ~named & ~table["complete"].to_numpy(bool)
    return unnamed


def _attempts(
    table: pd.DataFrame,
    *,
    request: NDArray[np.intp],
    provider: Ints,
    requests: Requests,
    orders: Orders,
    names: tuple[str, ...],
    windows: Sequence[Window],
) -> Attempts:
    row = _by_request(table, request)
    request = request[row].astype(np.int64)
    start_ns = table["start_ns"].to_numpy()[row].astype(np.float64)
    provider = provider[row]
    served = texts(requests.table["served_attempt"])
    used = served[request] == np.asarray(table["attempt_id"], dtype=object)[row]
    fault = places(table["fault_id"], fault_ids(windows))[row]
    touched = fault >= 0
    for window in windows:
        # These act on the listener, before the edge: no attempt of theirs names its fault.
        if window.at_provider and window.on_port:
            touched |= (
                (provider == names.index(window.provider)) & (start_ns >= window.start_ns) & (start_ns < window.end_ns)
            )
    outcome = places(table["outcome"], OUTCOMES)[row]
    order = requests.order[request]
    place = orders.place[order, provider]
    return Attempts(
        table=table,
        row=row.astype(np.int64),
        request=request,
        provider=provider,
        place=place,
        level=orders.level[order, place],
        in_order=place < orders.length[order],
        start_ns=start_ns,
        end_ns=floats(table["end_ns"])[row],
        status=floats(table["status"])[row],
        outcome=outcome,
        retry_after_ns=floats(table["retry_after_ns"])[row],
        fault=fault,
        touched=touched,
        used=used.astype(bool) | _only_answer(used.astype(bool), request, outcome, served, requests),
        tokens=_sum(floats(table["tokens_in"]), floats(table["tokens_out"]))[row],
        cost_usd=floats(table["cost_usd"])[row],
    )


def _sum(one: Floats, other: Floats) -> Floats:
    """Return sums in which one missing part counts as nothing, and two as missing."""
    return np.where(np.isnan(one), other, one + np.nan_to_num(other))


def _by_request(table: pd.DataFrame, request: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows of attempts that belong to a request, by request, then by start, then by number."""
    row = np.flatnonzero(request >= 0)
    start = table["start_ns"].to_numpy()
    order = row[np.argsort(request[row], kind="stable")]
    backward = (np.diff(request[order]) == 0) & (np.diff(start[order]) <= 0)
    if backward.any():  # a history is sorted by start, so that only ties come here
        order = row[np.lexsort((table["number"].to_numpy()[row], start[row], request[row]))]
    return order


def _only_answer(used: Bools, request: Ints, outcome: Ints, served: Objects, requests: Requests) -> Bools:
    """Return the last success of each answered request whose text names no attempt (a real provider's)."""
    unnamed = requests.ok & pd.isna(served) & ~requests.named
    found = np.zeros(len(used), dtype=bool)
    candidates = np.flatnonzero(unnamed[request] & (outcome == OUTCOMES.index("ok")))
    last = np.diff(request[candidates], append=-1) != 0
    found[candidates[last]] = True
    return found
