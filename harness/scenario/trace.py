"""Arrivals that somebody has recorded: a CSV file with a request in each line.

Its columns are `at` (seconds, or a date), and maybe `kind`, `prompt_tokens` and `max_tokens`. The names of the public traces of
Azure (TIMESTAMP, ContextTokens, GeneratedTokens) and BurstGPT (Timestamp, Request tokens, Response tokens) mean the same; any other
column is left alone.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

from harness.document import did_you_mean
from harness.errors import UsageError
from harness.provider.kinds import Kind
from harness.quantities import S
from harness.scenario.mix import TOKENS_MAX
from harness.scenario.schema import RateStep

ROWS_MAX = 1_000_000
_NAMES: Mapping[str, str] = {
    "at": "at",
    "timestamp": "at",
    "kind": "kind",
    "prompt_tokens": "prompt_tokens",
    "contexttokens": "prompt_tokens",
    "request tokens": "prompt_tokens",
    "max_tokens": "max_tokens",
    "generatedtokens": "max_tokens",
    "response tokens": "max_tokens",
}
"""What the columns mean, by their names in small letters."""
_STEPS_MAX = 200
_LEAST_RATE = 1e-6
_HINT = "columns: at, kind, prompt_tokens, max_tokens; only the first one must be there"


class TraceRow(NamedTuple):
    """One arrival of a trace.

    Attributes:
        at_ns: When, from the first one on.
        kind: Of the request; None where the trace does not say.
        prompt_tokens: Length of the prompt; None where it does not say.
        max_tokens: Of the answer; None where it does not say, or there was none.
    """

    at_ns: int
    kind: Kind | None = None
    prompt_tokens: int | None = None
    max_tokens: int | None = None


def read_trace(path: Path, kinds: Sequence[Kind]) -> tuple[TraceRow, ...]:
    """Return the arrivals of a trace, in the order of time.

    Args:
        path: Its file.
        kinds: Those that the load has.

    Raises:
        UsageError: It cannot be read, or a line is none; names the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = sorted(_rows(path, file, kinds))
    except OSError as error:
        raise UsageError(f"cannot read the trace: {error.strerror}", where=str(path)) from None
    except (UnicodeError, csv.Error) as error:
        raise UsageError(f"not a CSV file in UTF-8: {type(error).__name__}", where=str(path)) from None
    if not rows:
        raise UsageError("a trace without an arrival", where=str(path), hint=_HINT)
    first_ns = rows[0][0]
    return tuple(row._replace(at_ns=at_ns - first_ns) for at_ns, _place, row in rows)


def _rows(path: Path, lines: Iterator[str], kinds: Sequence[Kind]) -> Iterator[tuple[int, int, TraceRow]]:
    reader = csv.reader(lines)
    columns = [_NAMES.get(name.strip().lower()) for name in next(reader, [])]
    if "at" not in columns:
        raise UsageError("no column `at`", where=f"{path}:1", hint=_HINT)
    for place, cells in enumerate(reader):
        if not any(cells):
            continue
        if place >= ROWS_MAX:
            raise UsageError(f"more than {ROWS_MAX} arrivals", where=str(path))
        where = f"{path}:{reader.line_num}"
        found = {name: cell.strip() for name, cell in zip(columns, cells, strict=False) if name is not None}
        at_ns = _time_ns(found.get("at", ""), where)
        kind = _kind(found.get("kind", ""), kinds, where)
        tokens = [_tokens(found.get(name, ""), name, where) for name in ("prompt_tokens", "max_tokens")]
        yield at_ns, place, TraceRow(at_ns, kind, *tokens)


def _time_ns(text: str, where: str) -> int:
    try:
        seconds = float(text)
        if abs(seconds) < 1e12:
            return round(seconds * S)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass
        else:
            since = moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)
            return (since.days * 86_400 + since.seconds) * S + since.microseconds * 1000
    raise UsageError("`at` is neither seconds nor a date", where=where, hint="12.5, or 2023-11-16 18:17:03.97")


def _kind(text: str, kinds: Sequence[Kind], where: str) -> Kind | None:
    if not text:
        return None
    for kind in kinds:
        if kind == text:
            return kind
    known = ", ".join(kinds)
    hint = "write it into load.mix" if text in get_args(Kind) else did_you_mean(text, kinds)
    raise UsageError(f"the load has no requests of kind {text[:40]!r}", where=where, known=known, hint=hint)


def _tokens(text: str, name: str, where: str) -> int | None:
    try:
        tokens = int(text or 0)
    except ValueError:
        raise UsageError(f"{name} is no whole number", where=where) from None
    if not 0 <= tokens <= TOKENS_MAX:
        raise UsageError(f"{name} is not from 0 to {TOKENS_MAX}", where=where)
    return tokens or None


def steps(rows: Sequence[TraceRow]) -> tuple[RateStep, ...]:
    """Return a trace's rate over time, in steps of a second, or of as many seconds as 200 steps need."""
    width = max(1, -(-(rows[-1].at_ns // S + 1) // _STEPS_MAX))
    counts = Counter(row.at_ns // (width * S) for row in rows)
    found = [RateStep(rate=max(counts[place] / width, _LEAST_RATE), for_=width * S) for place in range(max(counts) + 1)]
    return (*found, RateStep(rate=_LEAST_RATE, for_=S))
