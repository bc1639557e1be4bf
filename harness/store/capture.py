"""Append-only JSON lines, one file per process, that survive a `kill -9` but for the last flush.

Rows are handed to a writer thread, so that capture never blocks an event loop. Times in rows are absolute monotonic
nanoseconds. The run's origin is a row of the runner's file, so the other processes need not have it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import msgspec

from harness.errors import UsageError
from harness.history.records import (
    Aborted,
    AttemptOutcome,
    AttemptRecord,
    ChainAttempt,
    FaultEvent,
    HealthRecord,
    ProviderState,
    ReadyRecord,
    RecordedBy,
    RequestRecord,
    SpendRecord,
)
from harness.store.format import FORMAT, READABLE

FLUSH_S = 0.05


class Backlog(NamedTuple):
    """How a process keeps up with writing its rows; the fields of `HealthRecord`."""

    buffered_rows: int
    unflushed_bytes: int
    flush_ns: int | None
    flushed_ns: int | None


class EdgeAttempt(NamedTuple):
    """An attempt as the edge saw it: the fields of AttemptRecord, and before them the key of the chain-side recorder.

    The fields are written out a second time because this is a tuple. The edge needs 25 µs for an attempt; the record of as many
    fields takes 6 µs more to make and 1.5 µs more to encode. A test compares the fields and their defaults.
    """

    key: str | None
    attempt_id: str
    request_id: str | None
    number: int
    provider: str
    start_ns: int
    first_byte_ns: int | None
    end_ns: int | None
    status: int | None
    outcome: AttemptOutcome
    fault_id: str | None = None
    other_faults: tuple[str, ...] = ()
    forwarded: bool = False
    retry_after_ns: int | None = None
    error_code: str | None = None
    model: str | None = None
    streaming: bool = False
    text_chars: int | None = None
    text_sha256: str | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float | None = None
    seen_by: RecordedBy = "edge"
    cached_tokens: int | None = None

    @property
    def attempt(self) -> AttemptRecord:
        """The attempt without the key."""
        values: dict[str, Any] = dict(zip(self._fields[1:], self[1:], strict=True))
        return AttemptRecord(**values)

    @classmethod
    def of(cls, key: str | None, attempt: AttemptRecord) -> Self:
        """Return the row of an attempt."""
        return cls(key, *(getattr(attempt, name) for name in cls._fields[1:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """When the run's clock began.

    Attributes:
        at_ns: In absolute monotonic nanoseconds.
        unix_ns: The same moment as Unix time, in nanoseconds.
    """

    at_ns: int
    unix_ns: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A call that bore another run's token, or none that could be read, and was refused."""

    at_ns: int
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerClock:
    """The clock of a load's worker against that of the other processes, in nanoseconds.

    Attributes:
        worker: Its name, and that of its file of rows.
        offset_ns: How far it is ahead.
        unsure_ns: How far that can be off.
    """

    worker: str
    offset_ns: int
    unsure_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """The first row of every file."""

    format: int = FORMAT


Row = (
    RequestRecord
    | EdgeAttempt
    | ChainAttempt
    | FaultEvent
    | HealthRecord
    | ProviderState
    | ReadyRecord
    | Aborted
    | SpendRecord
    | Origin
    | Foreign
    | WorkerClock
    | Format
)
_KINDS: dict[str, type] = {
    "request": RequestRecord,
    "attempt": EdgeAttempt,
    "chain": ChainAttempt,
    "fault": FaultEvent,
    "health": HealthRecord,
    "state": ProviderState,
    "ready": ReadyRecord,
    "aborted": Aborted,
    "spend": SpendRecord,
    "origin": Origin,
    "foreign": Foreign,
    "clock": WorkerClock,
    "format": Format,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Sink(Protocol):
    """Where rows go."""

    def put(self, row: Row) -> None:
        """Take a row."""


class Capture:
    """One process's file of rows.

    Every row is on its way to the disk within `FLUSH_S`; `close` writes what is left.

    Args:
        folder: Where the file is made.
        process: The process's name.
        restarts: How often the process was started before in this run: each time has a file of its own.

    Raises:
        OSError: From `put` or `close`, when the writer could not write (a full disk).
    """

    def __init__(self, folder: Path, process: str, restarts: int = 0) -> None:
        self.path = folder / f"{process}{f'+{restarts}' if restarts else ''}.jsonl"
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        self._rows: deque[Row] = deque([Format()])
        self._stop = threading.Event()
        self._failure: OSError | None = None
        self._unflushed_bytes = 0
        self._flushed: tuple[int, int] | None = None
        self._writer = threading.Thread(target=self._write, name=f"capture-{process}", daemon=True)
        self._writer.start()

    def put(self, row: Row) -> None:
        """Append a row; never blocks."""
        if self._failure is not None:
            raise self._failure
        self._rows.append(row)

    @property
    def backlog(self) -> Backlog:
        """How it keeps up."""
        took_ns, at_ns = self._flushed or (None, None)
        return Backlog(len(self._rows), self._unflushed_bytes, took_ns, at_ns)

    def close(self) -> None:
        """Write what is left and close the file."""
        if not self._stop.is_set():
            self._stop.set()
            self._writer.join()
            os.close(self._descriptor)
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self) -> None:
        encoder = msgspec.json.Encoder()
        last = False
        while not last:
            last = self._stop.wait(FLUSH_S)
            try:
                self._flush(encoder)
            except OSError as error:
                self._failure = error
                return

    def _flush(self, encoder: msgspec.json.Encoder) -> None:
        take = self._rows.popleft
        batch = [take() for _ in range(len(self._rows))]
        view = memoryview(encoder.encode_lines([(_NAMES[type(row)], row) for row in batch]))
        began_ns = time.monotonic_ns()
        while view:
            self._unflushed_bytes = len(view)
            view = view[os.write(self._descriptor, view) :]
        self._unflushed_bytes = 0
        ended_ns = time.monotonic_ns()
        self._flushed = ended_ns - began_ns, ended_ns


def files(folder: Path) -> list[Path]:
    """Return the files of rows in a capture folder, by name; none if there is no such folder."""
    return sorted(folder.glob("*.jsonl"))


class RowReader:
    """Decodes the lines of one process's file, from the first one on.

    Args:
        path: The file, for errors.
        kinds: The rows that are wanted; the others are not decoded. All if None.
    """

    def __init__(self, path: Path, kinds: Collection[type] | None = None) -> None:
        self._path = path
        self._decode_line = msgspec.json.Decoder(tuple[str, msgspec.Raw]).decode
        wanted = _KINDS.values() if kinds is None else {*kinds, Format}
        self._decoders: dict[str, msgspec.json.Decoder[Any] | None] = {
            name: msgspec.json.Decoder(kind) if kind in wanted else None for name, kind in _KINDS.items()
        }
        self._lines = 0

    def row(self, line: bytes) -> Row | None:
        """Return the row in the next line; None for the format and for rows that are not wanted.

        Raises:
            UsageError: Another version of the harness wrote the file, or the line is not a row.
        """
        self._lines += 1
        try:
            name, raw = self._decode_line(line)
            decoder = self._decoders[name]
            row = None if decoder is None else decoder.decode(raw)
        except (msgspec.DecodeError, KeyError) as error:
            first = self._lines == 1
            problem = "no format in its first line" if first else f"line {self._lines} is not a row: {error}"
            raise UsageError(problem, where=str(self._path)) from None
        if self._lines == 1:
            _check_format(row, self._path)
            return None
        return row


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of one process's file; a torn last line is left out.

    Raises:
        UsageError: Another version of the harness wrote it, or a line before the last is not a row.
    """
    reader = RowReader(path)
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            if (row := reader.row(line)) is not None:
                yield row


def _check_format(row: Row | None, path: Path) -> None:
    found = f"format {row.format}" if isinstance(row, Format) else "no format"
    if not isinstance(row, Format) or row.format not in READABLE:
        raise UsageError(f"{found} in its first line, and this version reads format {FORMAT}", where=str(path))
