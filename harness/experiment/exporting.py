"""Take a saved run to other programs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import harness
from harness.errors import HarnessError, UsageError
from harness.export import ExportFormat
from harness.export.otlp import TraceEndpoint, send, write_file
from harness.export.spans import resource, spans
from harness.export.tables import write_tables
from harness.judge import RunData
from harness.store import RunFolder

TRACES = "traces.otlp.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRun:
    """What was written or sent.

    Attributes:
        files: The files; none if it was sent.
        endpoint: Where it was sent; None if it was written.
        spans: How many spans; None for tables.
    """

    files: tuple[Path, ...] = ()
    endpoint: str | None = None
    spans: int | None = None


def export(path: Path, form: ExportFormat, *, to: Path | None = None) -> WrittenRun:
    """Export a saved run.

    Args:
        path: Its folder.
        form: How.
        to: Folder of the tables, or file of the spans; made if it does not exist. If None, spans are sent where OpenTelemetry's
            variables say, and all else is written into the folder `export` of the run.

    Raises:
        UsageError: There is no such run, a variable is wrong, or an extra is missing.
        HarnessError: It cannot be written or sent.
    """
    folder = RunFolder.open(path)
    run = RunData.of(folder.plan(), folder.recorded())
    origin_ns = folder.origin_unix_ns()
    target = to or folder.path / "export"
    try:
        if form is not ExportFormat.OTLP:
            _make(target)
            return WrittenRun(
                files=tuple(write_tables(run, target, "csv" if form is ExportFormat.CSV else "jsonl", origin_ns))
            )
        name, found = folder.path.name, spans(run, f"{run.plan.name}/{folder.path.name}", origin_ns)
        shared = resource(run, name, harness.__version__)
        if to is None and (endpoint := TraceEndpoint.of(os.environ)):
            return WrittenRun(endpoint=endpoint.shown, spans=send(endpoint, shared, found))
        file = target / TRACES if to is None or target.is_dir() else target
        _make(file.parent)
        return WrittenRun(files=(file,), spans=write_file(file, shared, found))
    except OSError as problem:
        raise HarnessError.wrapping(problem, where=str(target)) from None


def _make(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError("not a folder", where=str(folder), hint="the tables are three files: name a folder for them")
    folder.mkdir(parents=True, exist_ok=True)
