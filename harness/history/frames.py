"""Records as column tables, and back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

import pandas as pd

from harness.history.records import (
    Aborted,
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    ProviderState,
    ReadyRecord,
    RequestRecord,
    SpendRecord,
)
from harness.history.table import RecordTable, Table

R = TypeVar("R")

_DTYPES: dict[Any, tuple[str, str]] = {
    int: ("int64", "Int64"),
    float: ("float64", "Float64"),
    bool: ("bool", "boolean"),
    str: ("string", "string"),
}


@cache
def dtypes(record: Hashable) -> dict[str, str]:
    """Return the pandas dtype of each of a record's fields, in field order."""
    hints = typing.get_type_hints(record)
    return {field.name: _dtype(hints[field.name]) for field in dataclasses.fields(typing.cast("type[Any]", record))}


def _dtype(hint: Any) -> str:
    nullable = False
    if isinstance(hint, types.UnionType):
        nullable = True
        (hint,) = [part for part in hint.__args__ if part is not type(None)]
    if typing.get_origin(hint) is typing.Literal:
        hint = str
    if typing.get_origin(hint) is tuple:
        return "object"
    return _DTYPES[hint][nullable]


def defaults_of(record: type) -> dict[str, Any]:
    """Return the values of a record's fields that need not be given."""
    defaults = {f.name: f.default for f in dataclasses.fields(record) if f.default is not dataclasses.MISSING}
    return defaults | {f.name: f.default_factory() for f in dataclasses.fields(record) if callable(f.default_factory)}


def frame(record: type, rows: Iterable[Any] = ()) -> pd.DataFrame:
    """Return a table with one column per field of `record`, typed, from records or plain mappings of one."""
    names = dtypes(record)
    defaults = defaults_of(record)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        if isinstance(row, dict):
            for name, column in columns.items():
                column.append(row[name] if name in row else defaults[name])
        else:
            for name, column in columns.items():
                column.append(getattr(row, name))
    return pd.DataFrame({name: _series(columns[name], dtype) for name, dtype in names.items()})


def _series(values: list[Any], dtype: str) -> pd.Series[Any]:
    if dtype == "object":
        return pd.Series([tuple(value) for value in values], dtype="object")
    return pd.Series(values, dtype=dtype)


def as_records(record: type[R], table: pd.DataFrame) -> list[R]:
    """Return the rows of a table as records; a missing value is None."""
    known = dtypes(typing.cast("Any", record))
    columns: list[list[Any]] = []
    for name, dtype in known.items():
        column = table[name].astype("object")
        if dtype == "object":
            columns.append([tuple(value) for value in column])
        else:
            columns.append([None if missing else value for value, missing in zip(column, column.isna(), strict=True)])
    return [record(**dict(zip(known, row, strict=True))) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that a run left behind, the input of every number.

    Attributes:
        plan_digest: Digest of the plan that the run followed.
        request_table: RequestRecord columns, by `scheduled_ns`.
        attempt_table: AttemptRecord columns, by `start_ns`.
        faults: FaultEvent columns.
        health: HealthRecord columns, by `at_ns`.
        states: ProviderState columns, by `at_ns`; none from a chain that does not report them.
        ready: ReadyRecord columns, by `start_ns`; empty where nothing was asked.
        spend: SpendRecord columns; empty where the gateway has no tenants' keys.
        complete: Every part of the run came to its planned end.
        lost: Records of attempts known to be lost; a planned request without a record counts besides.
        foreign: Calls that bore another run's token; the edge refused them.
        unseen: No recorder sits in the chain (an `endpoint` chain), so attempts without a connection are not recorded.
        clocks_unsure_ns: By how much the clock of one of the load's workers can be off against that of the other processes;
            0 where all are on one machine.
        aborted: When and why the run ended early, as its scenario says; None if it did not.
    """

    plan_digest: str
    request_table: Table
    attempt_table: Table
    faults: pd.DataFrame
    health: pd.DataFrame
    states: pd.DataFrame
    ready: pd.DataFrame
    spend: pd.DataFrame
    complete: bool = True
    lost: int = 0
    foreign: int = 0
    unseen: bool = False
    clocks_unsure_ns: int = 0
    aborted: Aborted | None = None

    @classmethod
    def of(
        cls,
        plan_digest: str,
        *,
        requests: Iterable[Any] = (),
        attempts: Iterable[Any] = (),
        faults: Iterable[Any] = (),
        health: Iterable[Any] = (),
        states: Iterable[Any] = (),
        ready: Iterable[Any] = (),
        spend: Iterable[Any] = (),
        **rest: Any,
    ) -> History:
        """Return a history from records."""
        return cls(
            plan_digest=plan_digest,
            request_table=_by_time(RequestRecord, requests, "scheduled_ns"),
            attempt_table=_by_time(AttemptRecord, attempts, "start_ns"),
            faults=frame(FaultEvent, faults),
            health=_sorted(frame(HealthRecord, health), "at_ns"),
            states=_sorted(frame(ProviderState, states), "at_ns"),
            ready=_sorted(frame(ReadyRecord, ready), "start_ns"),
            spend=frame(SpendRecord, spend),
            **rest,
        )

    @property
    def requests(self) -> pd.DataFrame:
        """The requests as a data frame; the numbers of a large run need none."""
        return self.request_table.frame

    @property
    def attempts(self) -> pd.DataFrame:
        """The attempts as a data frame."""
        return self.attempt_table.frame


def _by_time(record: type, rows: Iterable[Any], by: str) -> RecordTable:
    return RecordTable(record, sorted(RecordTable(record, rows), key=attrgetter(by)))


def _sorted(table: pd.DataFrame, by: str) -> pd.DataFrame:
    return table.sort_values(by, kind="stable", ignore_index=True)
