"""A history as bare columns: joined, sorted and without warm-up, so that every number is array arithmetic.

Times are float64 nanoseconds (exact below 2^53, about 104 days), NaN where there is none. Names are places in a list,
-1 where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.history import AttemptOutcome, History
from harness.history.records import WARMUP
from harness.scenario import Plan, Window
from harness.scenario.schema import WHOLE_PROVIDER

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

OUTCOMES: tuple[str, ...] = get_args(AttemptOutcome)
TOLERANCE_NS = 50_000_000
"""What the stamps of different processes may differ by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The measured requests, in the order of the history.

    Attributes:
        table: Their rows, as recorded.
        phase: Place of the phase in the plan.
        scheduled_ns: Intended start.
        start_ns: When it went out.
        first_token_ns: When the first piece of content reached the caller.
        end_ns: When it ended.
        status: HTTP status.
        ok: The caller got an answer that its client takes.
        failed: The caller got an error.
        complete: The whole answer arrived, once.
        left: The caller gave up.
        sent: It went out at all.
        blind: Attempts of it may have been seen by nobody.
    """

    table: pd.DataFrame
    phase: Ints
    scheduled_ns: Floats
    start_ns: Floats
    first_token_ns: Floats
    end_ns: Floats
    status: Floats
    ok: Bools
    failed: Bools
    complete: Bools
    left: Bools
    sent: Bools
    blind: Bools

    def __len__(self) -> int:
        return len(self.phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The attempts of measured requests, by request, then by start.

    Attributes:
        table: Their rows, as recorded, in the history's order.
        row: Place of each attempt in `table`.
        request: Place of its request in Requests.
        provider: Place of its provider in `Columns.providers`.
        start_ns: When it began.
        end_ns: When it ended.
        status: HTTP status.
        outcome: Place in OUTCOMES.
        retry_after_ns: The delay that it was told.
        fault: Place of the fault that changed it, in `fault_ids`.
        touched: A fault changed it, or acted on the whole provider when it began.
        used: Its answer is the one that the caller took.
    """

    table: pd.DataFrame
    row: Ints
    request: Ints
    provider: Ints
    start_ns: Floats
    end_ns: Floats
    status: Floats
    outcome: Ints
    retry_after_ns: Floats
    fault: Ints
    touched: Bools
    used: Bools

    def __len__(self) -> int:
        return len(self.row)

    @property
    def failed(self) -> Bools:
        """Whether the attempt did not succeed."""
        mask: Bools = self.outcome != OUTCOMES.index("ok")
        return mask

    def had(self, *outcomes: str) -> Bools:
        """Return whether each attempt ended in one of these ways."""
        mask: Bools = np.isin(self.outcome, [OUTCOMES.index(outcome) for outcome in outcomes])
        return mask

    def column(self, name: str) -> pd.Series[Any]:
        """Return one recorded column in the order of the arrays."""
        return self.table[name].take(self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A plan and what came of it.

    Attributes:
        plan: What was to happen.
        history: What happened, as recorded.
        providers: Their names: the chain's in its order, then any others.
        requests: The measured requests.
        attempts: Their attempts.
        orphans: Attempts that belong to no request.
        missing: Planned requests without a record, by phase.
    """

    plan: Plan
    history: History
    providers: tuple[str, ...]
    requests: Requests
    attempts: Attempts
    orphans: int
    missing: Ints

    @property
    def ordered(self) -> int:
        """How many of the providers stand in the chain's order; the first is the primary."""
        return len(self.plan.chain.order)

    def ids(self, shown: Bools) -> tuple[str, ...]:
        """Return the names of some of the requests, sorted."""
        return tuple(sorted(np.asarray(self.requests.table["request_id"], dtype=object)[shown]))

    def requests_with(self, attempts: Bools) -> Bools:
        """Return which requests have at least one of these attempts."""
        found = np.zeros(len(self.requests), dtype=bool)
        found[self.attempts.request[attempts]] = True
        return found


def columns(plan: Plan, history: History) -> Columns:
    """Return a history as columns of its plan."""
    names = (*plan.chain.order, *(name for name in plan.chain.providers if name not in plan.chain.order))
    phases = tuple(phase.name for phase in plan.phases)
    providers, requests, attempts, orphans = joined(
        history, providers=names, phases=phases, windows=plan.timeline.windows
    )
    return Columns(
        plan=plan,
        history=history,
        providers=providers,
        requests=requests,
        attempts=attempts,
        orphans=orphans,
        missing=_missing(plan, requests),
    )


def joined(
    history: History,
    *,
    providers: Sequence[str] = (),
    phases: Sequence[str] = (),
    windows: Sequence[Window] = (),
) -> tuple[tuple[str, ...], Requests, Attempts, int]:
    """Return the names of all providers, the measured requests, their attempts, and the number of orphans."""
    providers = _all_names(history.attempts["provider"], providers)
    requests = _requests(history, phases, windows)
    known = pd.Index(np.asarray(requests.table["request_id"], dtype=object), dtype=object)
    request_id = np.asarray(history.attempts["request_id"], dtype=object)
    request = known.get_indexer(pd.Index(request_id, dtype=object))
    stray = request < 0
    warm = history.attempts["start_ns"].to_numpy()[stray] < 0
    warm |= np.array([str(name).startswith(f"{WARMUP}-") for name in request_id[stray]], dtype=bool)
    orphans = int(len(warm) - warm.sum())
    return providers, requests, _attempts(history.attempts, request, requests, providers, windows), orphans


def floats(column: pd.Series[Any]) -> Floats:
    """Return a numeric column as float64, NaN where it has no value."""
    return column.to_numpy("float64", na_value=math.nan)


def texts(column: pd.Series[Any]) -> Objects:
    """Return a column of text as objects, None where it has no value."""
    return column.to_numpy(object, na_value=None)  # type: ignore[call-overload, no-any-return]  # None is fine


def places(column: pd.Series[Any], names: Sequence[str]) -> Ints:
    """Return the place of each text in `names`, -1 where it is not in it."""
    values = pd.Index(np.asarray(column, dtype=object), dtype=object)
    found: Ints = pd.Index(list(names), dtype=object).get_indexer(values).astype(np.int64)
    return found


def fault_ids(windows: Sequence[Window]) -> tuple[str, ...]:
    """Return the names of the faults, in the order of the plan."""
    return tuple(dict.fromkeys(window.fault_id for window in windows))


def _all_names(column: pd.Series[Any], known: Sequence[str]) -> tuple[str, ...]:
    """Return the known names, then any others that a column holds."""
    others = column[places(column, known) < 0].dropna().unique()
    return (*known, *sorted(others))


def _requests(history: History, phases: Sequence[str], windows: Sequence[Window]) -> Requests:
    table = history.requests
    measured = (table["phase"] != WARMUP).to_numpy(bool) & (table["scheduled_ns"] >= 0).to_numpy(bool)
    table = table[measured].reset_index(drop=True)
    outcome = np.asarray(table["outcome"], dtype=object)
    scheduled_ns, end_ns = floats(table["scheduled_ns"]), floats(table["end_ns"])
    blind = np.zeros(len(table), dtype=bool)
    if history.unseen:
        for window in windows:
            if window.inject.connection == "refused":
                blind |= (scheduled_ns < window.end_ns) & ~(end_ns < window.start_ns)
    return Requests(
        table=table,
        phase=places(table["phase"], phases),
        scheduled_ns=scheduled_ns,
        start_ns=floats(table["start_ns"]),
        first_token_ns=floats(table["first_token_ns"]),
        end_ns=end_ns,
        status=floats(table["status"]),
        ok=outcome == "ok",
        failed=outcome == "error",
        complete=table["complete"].to_numpy(bool),
        left=table["client_left"].to_numpy(bool) | (outcome == "deadline"),
        sent=outcome != "dropped",
        blind=blind,
    )


def _missing(plan: Plan, requests: Requests) -> Ints:
    names = [phase.name for phase in plan.phases]
    planned = pd.Series([arrival.phase for arrival in plan.arrivals], dtype=object)
    wanted = np.bincount(places(planned, names), minlength=len(names))
    seen = np.bincount(requests.phase[requests.phase >= 0], minlength=len(names))
    missing: Ints = np.maximum(wanted - seen, 0).astype(np.int64)
    return missing


def _attempts(
    table: pd.DataFrame,
    request: NDArray[np.intp],
    requests: Requests,
    providers: tuple[str, ...],
    windows: Sequence[Window],
) -> Attempts:
    row = np.flatnonzero(request >= 0)
    start = table["start_ns"].to_numpy()[row]
    row = row[np.lexsort((table["number"].to_numpy()[row], start, request[row]))]
    request = request[row].astype(np.int64)
    start_ns = table["start_ns"].to_numpy()[row].astype(np.float64)
    provider = places(table["provider"], providers)[row]
    served = texts(requests.table["served_attempt"])
    used = served[request] == np.asarray(table["attempt_id"], dtype=object)[row]
    fault = places(table["fault_id"], fault_ids(windows))[row]
    touched = fault >= 0
    for window in windows:
        # These act on the listener, before the edge: no attempt of theirs names its fault.
        if window.inject.connection in WHOLE_PROVIDER:
            touched |= (
                (provider == providers.index(window.provider))
                & (start_ns >= window.start_ns)
                & (start_ns < window.end_ns)
            )
    outcome = places(table["outcome"], OUTCOMES)[row]
    return Attempts(
        table=table,
        row=row.astype(np.int64),
        request=request,
        provider=provider,
        start_ns=start_ns,
        end_ns=floats(table["end_ns"])[row],
        status=floats(table["status"])[row],
        outcome=outcome,
        retry_after_ns=floats(table["retry_after_ns"])[row],
        fault=fault,
        touched=touched,
        used=used.astype(bool) | _only_answer(used.astype(bool), request, outcome, served, requests),
    )


def _only_answer(used: Bools, request: Ints, outcome: Ints, served: Objects, requests: Requests) -> Bools:
    """Return the last success of each answered request whose text names no attempt (a real provider's)."""
    unnamed = requests.ok & pd.isna(served)
    found = np.zeros(len(used), dtype=bool)
    candidates = np.flatnonzero(unnamed[request] & (outcome == OUTCOMES.index("ok")))
    last = np.diff(request[candidates], append=-1) != 0
    found[candidates[last]] = True
    return found
