"""Requests, attempts and fallbacks of a run as CSV or JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.history import AttemptRecord, RequestRecord
from harness.history.frames import dtypes
from harness.judge import RunData, fallbacks
from harness.lazy import lazy
from harness.store import replaced

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

TableFormat = Literal["csv", "jsonl"]
TIME = "time"
"""The first column of every table: when a row begins, in UTC."""
FALLBACK_COLUMNS: Mapping[str, str] = {
    "request_id": "The request.",
    "phase": "Its phase.",
    "kind": "Its kind.",
    "depth": "Which step of its request it is, from 1.",
    "trigger": "Class of the failure that came before; `skipped`, `hedge` or `answered` where nothing had failed.",
    "status": "HTTP status of that failure.",
    "fault_id": "The fault that changed the attempt before; none where no fault did.",
    "from_provider": "The provider before the step; the first one where it was skipped.",
    "to_provider": "The provider after it.",
    "result": "`served` if the caller got its answer from there, `unused` if another's was used, else `failed`.",
    "wait_ns": "From the end of the failed attempt to the start of the next.",
    "from_attempt": "The attempt before; none where the first provider was skipped.",
    "to_attempt": "The attempt after.",
}


def write_tables(run: RunData, folder: Path, form: TableFormat, origin_unix_ns: int) -> list[Path]:
    """Write the tables of a run into a folder; return their files.

    Args:
        run: The run.
        folder: It exists.
        form: Of the files.
        origin_unix_ns: When the run's clock began, as Unix time.

    Raises:
        OSError: A file cannot be written.
    """
    written = []
    for name, table in _tables(run, origin_unix_ns):
        path = folder / f"{name}.{form}"
        with replaced(path) as partial:
            if form == "csv":
                table.to_csv(partial, index=False)
            else:
                table.to_json(partial, orient="records", lines=True, force_ascii=False)
        written.append(path)
    return written


def _tables(run: RunData, origin_unix_ns: int) -> Iterator[tuple[str, pd.DataFrame]]:
    history = run.columns.history
    yield "requests", _timed(history.requests[list(dtypes(RequestRecord))], "scheduled_ns", origin_unix_ns)
    attempts = history.attempts[list(dtypes(AttemptRecord))]
    yield "attempts", _timed(attempts, "start_ns", origin_unix_ns)
    steps = fallbacks(run)
    yield "fallbacks", _timed(steps, "start_ns", origin_unix_ns).drop(columns="start_ns")


def _timed(table: pd.DataFrame, begin: str, origin_unix_ns: int) -> pd.DataFrame:
    """Return a table with the time of each row before it, and lists as words."""
    at = pd.to_datetime(table[begin].astype("int64") + origin_unix_ns, unit="ns", utc=True)
    listed = {name: table[name].map(" ".join) for name in ("sources", "other_faults") if name in table}
    timed = table.assign(**listed)
    timed.insert(0, TIME, at.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    return timed
