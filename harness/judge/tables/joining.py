"""Attempts joined to their requests, sorted, without warm-up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.history.records import CACHE, WARMUP
from harness.history.table import narrow
from harness.judge.tables.columns import (
    OUTCOMES,
    Attempts,
    Bools,
    Columns,
    Ending,
    Floats,
    Ints,
    Requests,
    are_success,
    fault_ids,
    grouped,
)
from harness.judge.tables.missing import missing_requests
from harness.judge.tables.orders import Orders
from harness.scenario import Plan, Window

if TYPE_CHECKING:
    from harness.history import History
    from harness.history.table import Table


def columns(plan: Plan, history: History) -> Columns:
    """Return a history as columns of its plan."""
    providers, provider = _providers(history.attempt_table, plan.chain.names)
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
    table = history.attempt_table
    request = table.rows_in("request_id", requests.table, "request_id", requests.row)
    stray = np.flatnonzero(request < 0)
    warm = table.ints("start_ns")[stray] < 0
    names = table.pick("request_id", stray)
    warm |= np.array([str(name).startswith(f"{WARMUP}-") for name in names], dtype=bool)
    orphans = int(len(warm) - warm.sum())
    attempts = _attempts(
        table,
        request=request,
        provider=provider,
        requests=requests,
        orders=orders,
        names=plan.chain.names,
        windows=plan.timeline.windows,
    )
    return attempts, orphans


def _providers(table: Table, known: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """Return the known names, then any others of the attempts, and the place of each attempt's among them."""
    names = (*known, *sorted(set(table.codes("provider")[1]) - set(known)))
    return names, table.places("provider", names)


def _requests(plan: Plan, history: History, orders: Orders, kinds: Sequence[str]) -> Requests:
    table = history.request_table
    phase, phases = table.codes("phase")
    warm = np.array([*(name == WARMUP for name in phases), False])[phase]
    row = np.flatnonzero(~warm & (table.ints("scheduled_ns") >= 0)).astype(narrow(len(table)))
    outcome, outcomes = table.codes("outcome")
    had = {name: outcome[row] == place for place, name in enumerate(outcomes)}
    none = np.zeros(len(row), dtype=bool)
    scheduled_ns, end_ns = table.floats("scheduled_ns")[row], table.floats("end_ns")[row]
    status, complete = table.floats("status")[row], table.bools("complete")[row]
    sources = table.lengths("sources")[row]
    named = sources > 0
    ok = had.get("ok", none)
    blind = none
    if history.unseen:
        for window in plan.timeline.windows:
            if window.blocks is not None:
                blind = blind | (scheduled_ns < window.end_ns) & ~(end_ns < window.start_ns)
    return Requests(
        table=table,
        row=row,
        phase=table.places("phase", [phase.name for phase in plan.phases])[row],
        kind=(table.places("kind", kinds) if len(kinds) > 1 else np.zeros(len(table), dtype=np.int8))[row],
        order=_order(plan, table, row, orders),
        before=_before(plan, table, row),
        scheduled_ns=scheduled_ns,
        start_ns=table.floats("start_ns")[row],
        first_token_ns=table.floats("first_token_ns")[row],
        end_ns=end_ns,
        status=status,
        ok=ok,
        failed=had.get("error", none),
        truncated=had.get("truncated", none),
        complete=complete,
        left=table.bools("client_left")[row] | had.get("deadline", none),
        sent=~had.get("dropped", none),
        sources=sources,
        named=named,
        cached=table.places("served_by", [CACHE])[row] == 0,
        unnamed=ok & are_success(status) & (table.floats("text_chars")[row] > 0) & ~named & ~complete,
        streaming=table.bools("streaming")[row],
        blind=blind,
    )


def _order(plan: Plan, table: Table, row: Ints, orders: Orders) -> Ints:
    """Return which of the orders each request should follow: that of its part of the load."""
    if len(orders.names) == 1:
        return np.zeros(len(row), dtype=np.int8)
    part = {arrival.request_id: arrival.part for arrival in plan.arrivals}
    return orders.of_part[np.array([part.get(name, 0) for name in table.pick("request_id", row)], dtype=np.int64)]


def _before(plan: Plan, table: Table, row: Ints) -> Ints:
    """Return the place of the turn before each request; -1 where it is the first, or its turn before has no record."""
    after = {arrival.request_id: arrival.after for arrival in plan.arrivals if arrival.after is not None}
    if not after:
        return np.full(len(row), -1, dtype=np.int8)
    names = table.pick("request_id", row)
    place: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    return np.array([place.get(after.get(name), -1) for name in names], dtype=narrow(len(row)))


def _attempts(
    table: Table,
    *,
    request: Ints,
    provider: Ints,
    requests: Requests,
    orders: Orders,
    names: tuple[str, ...],
    windows: Sequence[Window],
) -> Attempts:
    row, own, start_ns = _by_request(table, request)
    of = np.append(requests.row, -1).astype(requests.row.dtype)[request]
    used = table.same("attempt_id", requests.table, "served_attempt", of)[row]
    request, provider = own, provider[row]
    fault = table.places("fault_id", fault_ids(windows))[row]
    touched = fault >= 0
    for window in windows:
        # These act on the listener, before the edge: no attempt of theirs names its fault.
        if window.at_provider and window.on_port:
            touched |= (
                (provider == names.index(window.provider)) & (start_ns >= window.start_ns) & (start_ns < window.end_ns)
            )
    outcome = table.places("outcome", OUTCOMES)[row]
    by_provider, groups = _by_provider(request, provider)
    status = table.floats("status")[row]
    ending, endings = _endings(table, row, status, outcome)
    place, level, length = orders.places(requests.order, request, provider)
    return Attempts(
        table=table,
        row=row.astype(narrow(len(table))),
        by_provider=by_provider,
        groups=groups,
        request=request,
        provider=provider,
        place=place,
        level=level,
        in_order=place < length,
        start_ns=start_ns,
        end_ns=table.floats("end_ns")[row],
        status=status,
        outcome=outcome,
        ending=ending,
        endings=endings,
        retry_after_ns=table.floats("retry_after_ns")[row],
        fault=fault,
        touched=touched,
        used=used | _only_answer(request, outcome, requests),
        tokens=_sum(table.floats("tokens_in"), table.floats("tokens_out"))[row],
        cost_usd=table.floats("cost_usd")[row],
    )


def _endings(table: Table, row: Ints, status: Floats, outcome: Ints) -> tuple[Ints, tuple[Ending, ...]]:
    """Return how each attempt ended, as a place among the different ways."""
    code, codes = table.codes("error_code")
    code = code[row]
    keys = np.nan_to_num(status).astype(np.int64) * len(OUTCOMES) + outcome
    ending, first = grouped(keys * (len(codes) + 1) + code + 1)
    endings = (
        (int(at) or None, OUTCOMES[how], codes[which] if which >= 0 else None)
        for at, how, which in zip(np.nan_to_num(status[first]), outcome[first], code[first], strict=True)
    )
    return ending, tuple(endings)


def _by_provider(request: Ints, provider: Ints) -> tuple[Ints, Ints]:
    """Return the places of attempts by request, then by provider, and where there each other request or provider begins."""
    keys = request * (int(provider.max(initial=0)) + 2)
    keys += provider
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    small = narrow(len(keys))
    return order.astype(small), np.concatenate([np.arange(min(len(keys), 1)), begins]).astype(small)


def _sum(one: Floats, other: Floats) -> Floats:
    """Return sums in which one missing part counts as nothing, and two as missing."""
    missing = np.isnan(one)
    total = np.add(one, other, out=one.copy(), where=~np.isnan(other))
    total[missing] = other[missing]
    return total


def _by_request(table: Table, request: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the rows of attempts that belong to a request, by request, then by start, then by number; their requests and starts."""
    row = np.flatnonzero(request >= 0)
    start = table.ints("start_ns")
    order = row[np.argsort(request[row], kind="stable")]
    begun_ns = start[order]
    backward = begun_ns[1:] <= begun_ns[:-1]
    backward &= request[order[1:]] == request[order[:-1]]
    if backward.any():  # a history is sorted by start, so that only ties come here
        order = row[np.lexsort((table.ints("number")[row], start[row], request[row]))]
        begun_ns = start[order]
    return order, request[order].astype(np.int64), begun_ns.astype(np.float64)


def _only_answer(request: Ints, outcome: Ints, requests: Requests) -> Bools:
    """Return the last success of each answered request whose text names no attempt (a real provider's)."""
    served = requests.table.given("served_attempt")[requests.row]
    unnamed = requests.ok & ~served & ~requests.named
    found = np.zeros(len(request), dtype=bool)
    if unnamed.any():
        candidates = np.flatnonzero(unnamed[request] & (outcome == OUTCOMES.index("ok")))
        last = np.diff(request[candidates], append=-1) != 0
        found[candidates[last]] = True
    return found
