"""A history as Parquet files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord
from harness.history.frames import dtypes
from harness.store.format import FORMAT

_TABLES: dict[str, type] = {
    "attempts": AttemptRecord,
    "faults": FaultEvent,
    "health": HealthRecord,
    "requests": RequestRecord,  # last: a history exists once its requests do
}
_KEY = b"harness"


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def exist(folder: Path) -> bool:
    """Say whether a folder has a whole history."""
    return all(_path(folder, name).is_file() for name in _TABLES)


def write(folder: Path, history: History) -> None:
    """Write one Parquet file a table, each whole or not at all."""
    facts = {"format": FORMAT, "complete": history.complete, "lost": history.lost, "foreign": history.foreign}
    facts["unseen"] = history.unseen
    for name in _TABLES:
        table = pa.Table.from_pandas(_storable(getattr(history, name)), preserve_index=False)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(facts).encode()})
        partial = folder / f".{name}.part"
        pq.write_table(table, partial, compression="zstd")
        partial.replace(_path(folder, name))


def read(folder: Path, plan_digest: str) -> History:
    """Return the history in a folder.

    Raises:
        UsageError: Another version of the harness wrote it.
    """
    frames: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name, record in _TABLES.items():
        table = pq.read_table(_path(folder, name))
        facts = json.loads((table.schema.metadata or {}).get(_KEY, b"{}"))
        if facts.get("format") != FORMAT:
            problem = f"format {facts.get('format')}, and this version reads format {FORMAT}"
            raise UsageError(problem, where=str(_path(folder, name)))
        frames[name] = _typed(table.to_pandas(), record)
    facts.pop("format")
    return History(plan_digest=plan_digest, **frames, **facts)


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    lists = [name for name in frame.columns if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(list) for name in lists})


def _typed(frame: pd.DataFrame, record: type) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name, dtype in dtypes(record).items():
        if name not in frame:  # a run from before the record had this field
            blank: list[Any] = [() if dtype == "object" else None] * len(frame)
            columns[name] = pd.Series(blank, index=frame.index, dtype=dtype)
            continue
        columns[name] = frame[name].map(tuple) if dtype == "object" else frame[name].astype(dtype)  # type: ignore[call-overload]
    return pd.DataFrame(columns)
