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

from harness.history import AttemptOutcome, table
from harness.history.table import narrow
from harness.http_rules import SUCCESS
from harness.judge.tables.orders import Orders
from harness.lazy import lazy
from harness.provider.kinds import Kind
from harness.scenario import Plan, Window

if TYPE_CHECKING:
    import pandas as pd

    from harness.history import History
    from harness.history.table import Table
else:
    pd = lazy("pandas")

Floats = table.Floats
Ints = table.Ints
Bools = table.Bools

Ending = tuple[int | None, str, str | None]
OUTCOMES: tuple[str, ...] = get_args(AttemptOutcome)
TOLERANCE_NS = 50_000_000
"""What the stamps of different processes may differ by."""
_SPAN_MAX = 2**20
ZOMBIE_NS = 250_000_000
"""An attempt that begins later than this after its caller left is wasted work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The measured requests, in the order of the history.

    Attributes:
        table: All requests, as recorded.
        row: Place of each in `table`.
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
        sources: How many attempts the caller's text names, its own request's or not.
        named: It names one at least.
        cached: The chain's declared cache answered.
        unnamed: The caller took a text that names no attempt, and that no attempt of its own is known to have sent completely.
        streaming: The caller asked for a stream.
        blind: Some of its attempts may have no record.
    """

    table: Table
    row: Ints
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
    sources: Ints
    named: Bools
    cached: Bools
    unnamed: Bools
    streaming: Bools
    blind: Bools

    def __len__(self) -> int:
        return len(self.row)

    def floats(self, name: str) -> Floats:
        """Return one recorded column of numbers in the order of the arrays, NaN where there is none."""
        return self.table.floats(name)[self.row]

    def pick(self, name: str, places: Ints) -> list[Any]:
        """Return what is recorded of some of them in one column, None where nothing is."""
        return self.table.pick(name, self.row[places])

    def series(self, name: str, places: Ints) -> Any:
        """Return what is recorded of some of them in one column, for a data frame; -1 is none."""
        return _series(self.table, name, np.append(self.row, -1)[places])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The attempts of measured requests, by request, then by start.

    Attributes:
        table: Their rows, as recorded, in the history's order.
        row: Place of each attempt in `table`.
        by_provider: Their places by request, then by provider, then by start.
        groups: Where there the attempts of another request, or at another provider, begin.
        request: Place of its request in Requests.
        provider: Place of its provider in `Columns.providers`.
        place: Place of its provider in its request's order.
        level: Place there of the earliest among the provider's peers; 0 is that of the first provider.
        in_order: Its request's order has its provider.
        start_ns: When it began.
        end_ns: When it ended.
        status: HTTP status.
        outcome: Place in OUTCOMES.
        ending: Place in `endings` of how it ended.
        endings: The different ways: status, outcome and error code of each.
        retry_after_ns: Its Retry-After, as a delay.
        fault: Place of the fault that changed it, in `fault_ids`.
        touched: A fault changed it, or acted on the whole provider when it began.
        used: Its answer is the one that the caller took.
        tokens: Tokens billed, in and out; NaN where unknown.
        cost_usd: What it cost; NaN where unknown.
    """

    table: Table
    row: Ints
    by_provider: Ints
    groups: Ints
    request: Ints
    provider: Ints
    place: Ints
    level: Ints
    in_order: Bools
    start_ns: Floats
    end_ns: Floats
    status: Floats
    outcome: Ints
    ending: Ints
    endings: tuple[Ending, ...]
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
        mask = np.zeros(len(self), dtype=bool)
        for outcome in outcomes:
            mask |= self.outcome == OUTCOMES.index(outcome)
        return mask

    def floats(self, name: str) -> Floats:
        """Return one recorded column of numbers in the order of the arrays, NaN where there is none."""
        return self.table.floats(name)[self.row]

    def bools(self, name: str) -> Bools:
        """Return one recorded column of flags in the order of the arrays."""
        return self.table.bools(name)[self.row]

    def pick(self, name: str, places: Ints) -> list[Any]:
        """Return what is recorded of some of them in one column, None where nothing is."""
        return self.table.pick(name, self.row[places])

    def series(self, name: str, places: Ints) -> Any:
        """Return what is recorded of some of them in one column, for a data frame; -1 is none."""
        return _series(self.table, name, np.append(self.row, -1)[places])


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

    @property
    def rewritten(self) -> Bools:
        """Which requests got a text that may be complete or not: the chain rewrites answers."""
        return self.requests.unnamed & ("rewrites" in self.plan.chain.answers)

    def of_kinds(self, *kinds: Kind) -> Bools:
        """Return which requests are of some kinds."""
        mask: Bools = np.isin(self.requests.kind, [place for place, kind in enumerate(self.kinds) if kind in kinds])
        return mask

    def ids(self, shown: Bools) -> tuple[str, ...]:
        """Return the names of some of the requests, sorted."""
        return tuple(sorted(self.requests.pick("request_id", np.flatnonzero(shown))))

    def requests_with(self, attempts: Bools) -> Bools:
        """Return which requests have at least one of these attempts."""
        found = np.zeros(len(self.requests), dtype=bool)
        found[self.attempts.request[attempts]] = True
        return found


def _series(table: Table, name: str, rows: Ints) -> Any:
    column = table.frame[name].array
    return column.take(rows, allow_fill=True) if (rows < 0).any() else column.take(rows)


def floats(column: pd.Series[Any]) -> Floats:
    """Return a numeric column of a data frame as float64, NaN where it has no value."""
    return column.to_numpy("float64", na_value=math.nan)


def are_success(status: Floats) -> Bools:
    """Return which of some statuses are successes, as `is_success` does for one; NaN is none."""
    return (status >= SUCCESS.start) & (status < SUCCESS.stop)


def fault_ids(windows: Sequence[Window]) -> tuple[str, ...]:
    """Return the names of the faults, in the order of the plan."""
    return tuple(dict.fromkeys(window.fault_id for window in windows))


def grouped(keys: Ints) -> tuple[Ints, Ints]:
    """Return for each key the place of its value among the different ones, and for each of these where it comes first."""
    low = int(keys.min(initial=0))
    span = int(keys.max(initial=0)) - low + 1
    if span > _SPAN_MAX:
        _, first, place = np.unique(keys, return_index=True, return_inverse=True)
        return place, first
    first = np.full(span, -1)
    first[keys[::-1] - low] = np.arange(len(keys))[::-1]
    used = np.flatnonzero(first >= 0)
    places = np.zeros(span, dtype=narrow(len(used)))
    places[used] = np.arange(len(used))
    return places[keys - low], first[used]


def largest_before(values: Floats, group: Ints) -> Floats:
    """Return for each value the largest of those before it in its group, NaN for the first of a group.

    Args:
        values: The values, those of a group one after another.
        group: The group of each.
    """
    first = np.diff(group, prepend=-1) != 0
    before = np.append(math.nan, values[:-1])
    before[first] = math.nan
    falls = ~first & ~(values >= before)
    if falls.any():  # elsewhere the value before is the largest
        again = np.isin(group, group[falls])
        largest = pd.Series(values[again]).groupby(group[again]).cummax()
        before[again] = largest.groupby(group[again]).shift().to_numpy()
    return before
