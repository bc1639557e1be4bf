"""Telemetry of calls becomes incidents: your own outage, as it was measured. Pure: text in, incidents out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from harness.errors import UsageError
from harness.incident.imports import ImportedHistory, free_name
from harness.incident.schema import Incident
from harness.incident.telemetry.calls import CallTable
from harness.incident.telemetry.rows import objects, read_csv, read_objects
from harness.incident.telemetry.traces import read_traces
from harness.incident.telemetry.windows import incidents_of
from harness.judge.tables.columns import Bools

_UNUSABLE_MOST = 0.5


def from_csv(lines: Iterable[str], where: str, on: str | None = None) -> ImportedHistory:
    """Return the incidents in calls of a CSV file.

    Args:
        lines: Of the file.
        where: Its name, for errors.
        on: The vendor of calls whose provider is not known.

    Raises:
        UsageError: No calls can be read from it.
    """
    return _measured(where, on, lambda table: read_csv(lines, where, table))


def from_objects(rows: Iterable[tuple[int, Any]], where: str, on: str | None = None) -> ImportedHistory:
    """Return the incidents in calls that are objects, each with the line that it is on; else as `from_csv`."""
    return _measured(where, on, lambda table: read_objects(rows, where, table))


def from_traces(messages: Iterable[tuple[int, Any]], where: str, on: str | None = None) -> ImportedHistory:
    """Return the incidents in traces, each message with the line that it is on; else as `from_csv`."""
    return _measured(where, on, lambda table: read_traces(messages, where, table))


def _measured(where: str, on: str | None, read: Callable[[CallTable], str | Bools]) -> ImportedHistory:
    table = CallTable(on)
    told = read(table)
    left_out: dict[str, str] = {}
    seen = len(table) + table.unusable + table.unknown.total()
    if table.first_unusable is not None and (not len(table) or table.unusable > _UNUSABLE_MOST * seen):
        first, reason = table.first_unusable
        raise UsageError(f"{table.unusable} of {seen} calls cannot be read; the first: {reason}", where=first)
    if not len(table):
        names = ", ".join(list(table.unknown)[:10])
        if not names:
            raise UsageError("no calls of providers are in it", where=where)
        hint = "--vendor openai says whose calls they are"
        raise UsageError(f"whose providers these are is not known: {names}", where=where, hint=hint)
    if table.first_unusable is not None:
        left_out[f"{table.unusable} calls ({where})"] = (
            f"the first, at {table.first_unusable[0]}: {table.first_unusable[1]}"
        )
    for name, count in table.unknown.most_common(20):
        left_out[f"{name} ({where})"] = f"whose provider it is is not known: {count} calls; --vendor says it"
    if isinstance(told, str) and told:
        left_out[f"column {told} ({where})"] = (
            "its unit is not known, so no slow answers: call it latency_ms or latency_s"
        )
    calls = table.calls(None if isinstance(told, str) else told)
    found, others = incidents_of(calls, where, zoneless=table.zoneless)
    if not found:
        left_out[where] = "no time in it fails clearly more than the rest"
    incidents: dict[str, Incident] = {}
    for incident in found:
        name = f"{incident.vendors[0]}-{incident.start:%Y-%m-%d-%H%M}-measured".replace("_", "-")
        incidents[free_name(name, incidents)] = incident
    return ImportedHistory(incidents, left_out | others)


__all__ = ["from_csv", "from_objects", "from_traces", "objects"]
