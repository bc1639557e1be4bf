"""A history as Parquet files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError
from harness.history import (
    AttemptRecord,
    FaultEvent,
    HealthRecord,
    History,
    ProviderState,
    ReadyRecord,
    RequestRecord,
    SpendRecord,
)
from harness.history.records import WARMUP, Aborted
from harness.history.table import RecordTable, Table
from harness.provider.legs import LEGS
from harness.scenario import Plan
from harness.store.files import check_format, written
from harness.store.format import FORMAT
from harness.store.parquet import ParquetTable

TABLES: dict[str, type] = {
    "attempts": AttemptRecord,
    "faults": FaultEvent,
    "health": HealthRecord,
    "states": ProviderState,
    "ready": ReadyRecord,
    "spend": SpendRecord,
    "requests": RequestRecord,  # last: a history exists once its requests do
}
_LATER = frozenset({"states", "ready", "spend"})
"""Tables that runs of earlier versions lack: they are empty then."""
_KEY = b"harness"
_FACTS = ("complete", "lost", "foreign", "unseen", "clocks_unsure_ns")
_ABORTED = "aborted"


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def missing(folder: Path) -> list[Path]:
    """Return the files that a folder lacks for a complete history."""
    return [path for name in TABLES if name not in _LATER and not (path := _path(folder, name)).is_file()]


def has_any(folder: Path) -> bool:
    """Return whether a folder has a part of a history."""
    return any(_path(folder, name).is_file() for name in TABLES)


def write(folder: Path, history: History) -> None:
    """Write one Parquet file for each table, each whole or not at all."""
    facts = {name: getattr(history, name) for name in _FACTS}
    if history.aborted is not None:
        facts[_ABORTED] = asdict(history.aborted)
    write_frames(folder, {name: getattr(history, name) for name in TABLES}, facts)


def write_frames(
    folder: Path, frames: Mapping[str, pd.DataFrame], facts: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write some of the tables of a run, each whole or not at all.

    Args:
        folder: The run's.
        frames: By name, with the columns of their records.
        facts: What is known about the whole run.
    """
    facts = {"format": FORMAT, **facts}
    for name, rows in frames.items():
        table = pa.Table.from_pandas(_storable(rows), preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(facts).encode()})
        with written(_path(folder, name)) as partial:
            pq.write_table(table, partial, compression="zstd")


def read(folder: Path, plan: Plan) -> History:
    """Return the history in a folder.

    Raises:
        UsageError: A file is damaged, of another format, or of another run than the plan.
    """
    tables: dict[str, Table] = {}
    facts: dict[str, Any] = {}
    for name, record in TABLES.items():
        tables[name], found = _read(_path(folder, name), record)
        facts |= found
    for name, column, known in (
        ("requests", "phase", {WARMUP, *(phase.name for phase in plan.phases)}),
        ("attempts", "provider", {*plan.chain.providers}),
        ("faults", "provider", {*plan.chain.providers, *LEGS}),
    ):
        if strange := sorted(set(tables[name].codes(column)[1]) - known):
            problem = f"{column} {strange[0]!r} is not in plan.json: these are files of different runs"
            raise UsageError(problem, where=str(_path(folder, name)))
    requests, attempts = tables.pop("requests"), tables.pop("attempts")
    frames: dict[str, Any] = {name: table.frame for name, table in tables.items()}
    return History(plan_digest=plan.digest, request_table=requests, attempt_table=attempts, **frames, **facts)


def _read(path: Path, record: type) -> tuple[Table, dict[str, Any]]:
    """Return one table, and what it holds about the whole run."""
    if path.stem in _LATER and not path.exists():
        return RecordTable(record), {}
    try:
        table = ParquetTable(record, path.read_bytes())
        facts: dict[str, Any] = json.loads(table.metadata[_KEY])
        check_format(path, facts.pop("format"))
        known = {name: facts[name] for name in _FACTS if name in facts}
        if _ABORTED in facts:
            known[_ABORTED] = Aborted(**facts[_ABORTED])
        return table, known
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found = "empty" if path.stat().st_size == 0 else f"{type(error).__name__}: {error}".split("\n", 1)[0][:200]
        raise UsageError(f"damaged, or not written by harness: {found}", where=str(path)) from None


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [name for name in frame.columns if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(list) for name in lists})
