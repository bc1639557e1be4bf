"""A history as bare columns: joined, sorted and without warm-up, so that every number is array arithmetic.

Times are float64 nanoseconds (exact below 2^53, about 104 days), NaN where there is none. Names are places in a list,
-1 where there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from harness.history import AttemptOutcome
from harness.http_rules import SUCCESS
from harness.judge.tables.orders import Orders
from harness.lazy import lazy
from harness.provider.kinds import Kind
from harness.scenario import Plan, Window

if TYPE_CHECKING:
    import pandas as pd

    from harness.history import History
else:
    pd = lazy("pandas")

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

OUTCOMES: tuple[str, ...] = get_args(AttemptOutcome)
TOLERANCE_NS = 50_000_000
"""What the stamps of different processes may differ by."""
ZOMBIE_NS = 250_000_000
"""An attempt that begins later than this after its caller left is wasted work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The measured requests, in the order of the history.

    Attributes:
        table: Their rows, as recorded.
        phase: Place of the phase in the plan.
        kind: Place of what was asked for in `Columns.kinds`.
        order: Place in `Columns.orders` of the order in which it should try the providers.
        before: Place of the turn before, of a later turn of a conversation; -1 for the others.
        scheduled_ns: Intended start.
        start_ns: When it went out.
        first_token_ns: When the first piece of content reached the caller.
        end_ns: When it ended.
        status: HTTP status.
        ok: The caller got an answer that its client takes.
        failed: The caller got an error.
        truncated: The caller got a 2xx answer that its client raises on midway.
        complete: The complete answer arrived, once.
        left: The caller gave up.
        sent: It went out at all.
        named: The caller's text names an attempt, its own request's or not.
        cached: The chain's declared cache answered.
        unnamed: The caller took a text that names no attempt, and that no attempt of its own is known to have sent completely.
        streaming: The caller asked for a stream.
        blind: Some of its attempts may have no record.
    """

    table: pd.DataFrame
    phase: Ints
    kind: Ints
    order: Ints
    before: Ints
    scheduled_ns: Floats
    start_ns: Floats
    first_token_ns: Floats
    end_ns: Floats
    status: Floats
    ok: Bools
    failed: Bools
    truncated: Bools
    complete: Bools
    left: Bools
    sent: Bools
    named: Bools
    cached: Bools
    unnamed: Bools
    streaming: Bools
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
        place: Place of its provider in its request's order.
        level: Place there of the earliest among the provider's peers; 0 is that of the first provider.
        in_order: Its request's order has its provider.
        start_ns: When it began.
        end_ns: When it ended.
        status: HTTP status.
        outcome: Place in OUTCOMES.
        retry_after_ns: Its Retry-After, as a delay.
        fault: Place of the fault that changed it, in `fault_ids`.
        touched: A fault changed it, or acted on the whole provider when it began.
        used: Its answer is the one that the caller took.
        tokens: Tokens billed, in and out; NaN where unknown.
        cost_usd: What it cost; NaN where unknown.
    """

    table: pd.DataFrame
    row: Ints
    request: Ints
    provider: Ints
    place: Ints
    level: Ints
    in_order: Bools
    start_ns: Floats
    end_ns: Floats
    status: Floats
    outcome: Ints
    retry_after_ns: Floats
    fault: Ints
    touched: Bools
    used: Bools
    tokens: Floats
    cost_usd: Floats

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
        kinds: What the load asks for, each kind once.
        orders: In which orders its requests should try the providers.
        requests: The measured requests.
        attempts: Their attempts.
        orphans: Attempts that belong to no request.
        missing: Requests that were due and have no record, by phase and kind.
        begun: Which phases were begun: of a run that was cut short perhaps not all.
    """

    plan: Plan
    history: History
    providers: tuple[str, ...]
    kinds: tuple[Kind, ...]
    orders: Orders
    requests: Requests
    attempts: Attempts
    orphans: int
    missing: Ints
    begun: Bools

    @property
    def by_first(self) -> Iterator[tuple[tuple[str, ...], Bools]]:
        """The different first providers, each with its peers, and which requests should try it first."""
        for place, names in enumerate(self.orders.firsts):
            yield names, self.orders.first[self.requests.order] == place

    def of_kinds(self, *kinds: Kind) -> Bools:
        """Return which requests are of some kinds."""
        mask: Bools = np.isin(self.requests.kind, [place for place, kind in enumerate(self.kinds) if kind in kinds])
        return mask

    def ids(self, shown: Bools) -> tuple[str, ...]:
        """Return the names of some of the requests, sorted."""
        return tuple(sorted(np.asarray(self.requests.table["request_id"], dtype=object)[shown]))

    def requests_with(self, attempts: Bools) -> Bools:
        """Return which requests have at least one of these attempts."""
        found = np.zeros(len(self.requests), dtype=bool)
        found[self.attempts.request[attempts]] = True
        return found


def floats(column: pd.Series[Any]) -> Floats:
    """Return a numeric column as float64, NaN where it has no value."""
    return column.to_numpy("float64", na_value=math.nan)


def are_success(status: Floats) -> Bools:
    """Return which of some statuses are successes, as `is_success` does for one; NaN is none."""
    return (status >= SUCCESS.start) & (status < SUCCESS.stop)


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
