"""Calls as rows: CSV with a header, or one JSON object a line. Columns are known by their names."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.errors import UsageError
from harness.incident.imports.story import Unusable
from harness.incident.telemetry.calls import NO_LATENCY, CallTable, ending, instant_ns
from harness.quantities import MS, S

_TIME = (
    "time",
    "timestamp",
    "ts",
    "starttime",
    "start",
    "startedat",
    "datetime",
    "date",
    "createdat",
    "eventtime",
    "msec",
)
_END = ("endtime", "end", "endedat", "finishedat")
_PROVIDER = (
    "provider",
    "vendor",
    "customllmprovider",
    "llmprovider",
    "providername",
    "genaiprovidername",
    "genaisystem",
)
_MODEL = ("model", "modelname", "requestmodel", "genairequestmodel")
_STATUS = (
    "statuscode",
    "httpstatus",
    "httpstatuscode",
    "httpresponsestatuscode",
    "responsecode",
    "upstreamstatus",
    "status",
    "code",
)
_ERROR = ("errorinformationerrorcode", "errortype", "errorclass", "errorinformationerrorclass", "exception", "exceptiontype", "error", "outcome", "errorcode")  # fmt: skip
_LATENCY = ("latency", "duration", "requestduration", "responsetime", "elapsed", "elapsedtime", "totaltime", "requesttime", "upstreamresponsetime")  # fmt: skip
_SECONDS_OF_OLD: Final = ("requesttime", "upstreamresponsetime")
"""NGINX's own names, in seconds."""
_SUFFIX = {"ms": MS, "millis": MS, "milliseconds": MS, "s": S, "sec": S, "secs": S, "seconds": S, "us": 1000, "ns": 1}
_KNOWN = "time: timestamp, start_time … · provider: vendor, custom_llm_provider … · status: status_code, error … · latency_ms, duration_s …"
CellKey = int | str


@dataclass(frozen=True, slots=True)
class _RowKeys:
    """Where a row has what; None for what it does not have."""

    time: CellKey | None
    provider: CellKey | None
    model: CellKey | None
    status: CellKey | None
    errors: tuple[CellKey, ...]
    latency: CellKey | None
    latency_ns: int
    end: CellKey | None
    clock: tuple[CellKey, CellKey] | None
    metadata: CellKey | None
    unclear: str

    @property
    def missing(self) -> str:
        """Name what a call cannot do without."""
        found = {
            "time": self.time,
            "provider": self.provider or self.model,
            "status": self.status or self.errors or None,
        }
        found = {name: 0 if key == 0 else key for name, key in found.items()}
        return ", ".join(name for name, key in found.items() if key is None)


def _columns(names: Iterable[tuple[CellKey, str]]) -> _RowKeys:
    by_name: dict[str, CellKey] = {}
    written: dict[str, str] = {}
    for key, name in names:
        short = re.sub(r"[^a-z0-9]", "", str(name).lower())
        by_name.setdefault(short, key)
        written.setdefault(short, str(name))

    def first(known: Sequence[str]) -> CellKey | None:
        return next((by_name[name] for name in known if name in by_name), None)

    units = {each + suffix: unit for each in _LATENCY for suffix, unit in _SUFFIX.items()}
    units |= dict.fromkeys(_SECONDS_OF_OLD, S)
    latency = next((name for name in units if name in by_name), None)
    clock = (by_name["startns"], by_name["endns"]) if {"startns", "endns"} <= by_name.keys() else None
    unclear = "" if latency else next((written[name] for name in _LATENCY if name in by_name), "")
    return _RowKeys(
        time=first(_TIME),
        provider=first(_PROVIDER),
        model=first(_MODEL),
        status=first(_STATUS),
        errors=tuple(by_name[name] for name in _ERROR if name in by_name),
        latency=by_name[latency] if latency else None,
        latency_ns=units[latency] if latency else 0,
        end=first(_END),
        clock=clock,
        metadata=by_name.get("metadata"),
        unclear=unclear,
    )


def read_csv(lines: Iterable[str], where: str, table: CallTable) -> str:
    """Add the calls of a CSV file to a table; return the name of a column whose unit is not clear, or an empty text.

    Raises:
        UsageError: It has no such columns, or is no CSV.
    """
    rest = iter(lines)
    header = next(rest, "").strip("\r\n")
    delimiter = max(",;\t|", key=header.count)
    try:
        names = next(csv.reader([header], delimiter=delimiter), [])
        columns = _usable(_columns(enumerate(names)), names, where, table)
        reader = csv.reader(rest, delimiter=delimiter)
        for row in reader:
            if row:
                _add(row, columns, f"{where}:{reader.line_num + 1}", table)
    except csv.Error as problem:
        hint = "export only the columns that are needed: time, provider, model, status, latency"
        raise UsageError(f"not CSV: {problem}", where=where, hint=hint) from None
    return columns.unclear


def read_objects(rows: Iterable[tuple[int, Any]], where: str, table: CallTable) -> str:
    """Add calls to a table, each an object with the line that it is on; an exception in the place of an object is why there is none.

    Returns:
        As `read_csv`.

    Raises:
        UsageError: They have no such fields.
    """
    known: dict[tuple[str, ...], _RowKeys] = {}
    first: _RowKeys | None = None
    for line, read in rows:
        here = f"{where}:{line}"
        if not isinstance(read, dict):
            table.refuse(here, str(read) if isinstance(read, Unusable) else "not an object")
            continue
        row = _flat(read) if any(isinstance(value, dict) for value in read.values()) else read
        names = tuple(row)
        if (columns := known.get(names)) is None:
            columns = _columns((name, name) for name in names)
            if first is None or (first.missing and not columns.missing):
                first = columns
            if len(known) < 10_000:
                known[names] = columns
        if columns.time is None:
            table.refuse(here, "no time")
            continue
        _add(row, columns, here, table)
    if first is not None and not len(table):
        _usable(first, list(next(iter(known), ())), where, table)
    return "" if first is None else first.unclear


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with the fields of the objects in it beside its own."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": each for inner, each in value.items() if not isinstance(each, dict | list)})
        flat[name] = json.dumps(value) if name == "metadata" and isinstance(value, dict) else value
    return flat


def _usable(columns: _RowKeys, names: Sequence[str], where: str, table: CallTable) -> _RowKeys:
    missing = columns.missing
    if table.own is not None:
        missing = ", ".join(name for name in missing.split(", ") if name not in ("", "provider"))
    if missing:
        found = ", ".join(str(name)[:40] for name in names[:30]) or "none"
        hint = "rename a column; --vendor openai is the provider of all calls"
        raise UsageError(f"no column for {missing}; its columns: {found}", where=where, known=_KNOWN, hint=hint)
    return columns


def _add(row: Any, columns: _RowKeys, where: str, table: CallTable) -> None:
    try:
        begin = instant_ns(_cell(row, columns.time))
        status, error = _cell(row, columns.status), None
        for key in columns.errors:
            error = _cell(row, key)
            if isinstance(error, dict | list) and error:
                error = "error"
            if error not in (None, "", "ok", "status"):
                break
        if error in (None, "", "ok", "status") and columns.metadata is not None and isinstance(status, str):
            error = _from_metadata(_cell(row, columns.metadata)) or error
        end = ending(_hashable(status), _hashable(error))
        table.add(
            begin,
            _text(_cell(row, columns.provider)),
            _text(_cell(row, columns.model)),
            end,
            _latency(row, columns, begin[0]),
        )
    except (Unusable, IndexError) as reason:
        table.refuse(where, str(reason) if isinstance(reason, Unusable) else "the row is too short")


def _cell(row: Any, key: CellKey | None) -> Any:
    return None if key is None else row[key]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _hashable(value: object) -> object:
    return value if isinstance(value, str | int | float) else None


def _from_metadata(raw: object) -> object:
    """Return the error in the metadata of LiteLLM's spend logs."""
    if not isinstance(raw, str) or "error_information" not in raw:
        return None
    try:
        told = json.loads(raw)
        return _hashable(told["error_information"].get("error_code") or told["error_information"].get("error_class"))
    except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
        return None


def _latency(row: Any, columns: _RowKeys, begin_ns: int) -> int:
    """Return how long a call took, in nanoseconds."""
    if columns.latency is not None:
        return _length(_cell(row, columns.latency), columns.latency_ns)
    if columns.clock is not None:
        begin, end = (_length(_cell(row, key), 1) for key in columns.clock)
        return end - begin if end >= begin >= 0 else NO_LATENCY
    if columns.end is not None and _cell(row, columns.end):
        try:
            length = instant_ns(_cell(row, columns.end))[0] - begin_ns
        except Unusable:
            return NO_LATENCY
        return length if length >= 0 else NO_LATENCY
    return NO_LATENCY


def _length(value: object, unit: int) -> int:
    try:
        number = float(value) if isinstance(value, int | float | str) and value != "" else math.nan
    except (ValueError, OverflowError):
        return NO_LATENCY
    return round(number * unit) if 0 <= number * unit < 2**62 else NO_LATENCY


def objects(lines: Iterable[str]) -> Iterator[tuple[int, Any]]:
    """Yield what each line has, with its number; for a line that is no JSON the reason."""
    for number, line in enumerate(lines, start=1):
        if not line.isspace():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, Unusable("not JSON")
