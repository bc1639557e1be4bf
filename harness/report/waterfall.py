"""One request: each of its attempts, from left to right in time."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console

from harness import quantities
from harness.quantities import MISSING
from harness.report import console as output
from harness.report.judged_run import JudgedRun

_BAR = 24
_WIDE = 110
"""From how many columns on there is room for bars."""


class Bar(NamedTuple):
    """One attempt.

    Attributes:
        attempt: Its id.
        provider: Where.
        start_ns: When it began, since the request was due, in nanoseconds.
        wait_ns: Since the attempt before it ended, in nanoseconds; 0 for the first.
        length_ns: How long it took, in nanoseconds; None where its end is not known.
        status: HTTP status; None where none came.
        outcome: How it ended.
        error_code: The error body's own code; None where there is none.
        tokens_out: Completion tokens billed; None where it is not known.
        cost_usd: Its cost; None where it is not known.
        served: Its answer is the caller's.
    """

    attempt: str
    provider: str
    start_ns: int
    wait_ns: int
    length_ns: int | None
    status: int | None
    outcome: str
    error_code: str | None
    tokens_out: int | None
    cost_usd: float | None
    served: bool


def waterfall(run: JudgedRun, request_id: str) -> tuple[Bar, ...]:
    """Return the attempts of a request, in the order in which they began."""
    request = run.requests[run.requests["request_id"] == request_id].iloc[0]
    attempts = run.attempts[run.attempts["request_id"] == request_id].sort_values("start_ns")
    served = request["served_attempt"]
    found = []
    ended_ns: int | None = None
    for row in attempts.to_dict("records"):
        start_ns, end_ns = int(row["start_ns"]), _number(row["end_ns"])
        found.append(
            Bar(
                attempt=row["attempt_id"],
                provider=row["provider"],
                start_ns=start_ns - int(request["scheduled_ns"]),
                wait_ns=0 if ended_ns is None else max(0, start_ns - ended_ns),
                length_ns=None if end_ns is None else end_ns - start_ns,
                status=_number(row["status"]),
                outcome=row["outcome"],
                error_code=row["error_code"] if isinstance(row["error_code"], str) else None,
                tokens_out=_number(row["tokens_out"]),
                cost_usd=None if pd.isna(row["cost_usd"]) else float(row["cost_usd"]),
                served=isinstance(served, str) and row["attempt_id"] == served,
            )
        )
        ended_ns = start_ns if end_ns is None else end_ns
    return tuple(found)


def print_request(run: JudgedRun, request_id: str, console: Console) -> None:
    """Print a request: who was asked when, and what came of it.

    Args:
        run: The run.
        request_id: One of its requests.
        console: Where to.
    """
    bars = waterfall(run, request_id)
    request = run.requests[run.requests["request_id"] == request_id].iloc[0]
    took_ns = int(request["end_ns"] - request["scheduled_ns"])
    whole_ns = max(1, took_ns, *(bar.start_ns + (bar.length_ns or 0) for bar in bars))
    drawn = console.width >= _WIDE
    columns = ("at", "provider", "answer", "took", "wait", "tokens", "cost", *([""] if drawn else []))
    rows = [(*_cells(bar), *([_drawn(bar, whole_ns)] if drawn else [])) for bar in bars]
    output.table(console, columns, rows)
    known = [bar.cost_usd for bar in bars if bar.cost_usd is not None]
    cost = [quantities.amount(sum(known), "usd")] if known else []
    spent = ", ".join([quantities.plural(len(bars), "attempt"), *cost])
    took = quantities.duration(took_ns)
    if is_served(request):
        output.line(console, f"{request_id}: served by {request['served_by']} after {took} ({spent})")
    else:
        output.line(console, f"{request_id}: no complete answer after {took}: {_why(request)} ({spent})")


def is_served(request: Any) -> bool:
    """Return whether the caller of a request, a row of the table of requests, got a complete answer."""
    return request["outcome"] == "ok" and bool(request["complete"])


def _cells(bar: Bar) -> tuple[str, ...]:
    return (
        quantities.duration(bar.start_ns),
        bar.provider,
        _ended(bar),
        MISSING if bar.length_ns is None else quantities.duration(bar.length_ns),
        quantities.duration(bar.wait_ns) if bar.wait_ns else "",
        MISSING if bar.tokens_out is None else quantities.count(bar.tokens_out),
        MISSING if bar.cost_usd is None else quantities.amount(bar.cost_usd, "usd"),
    )


def _ended(bar: Bar) -> str:
    what = [str(bar.status)] if bar.status is not None else []
    what += [bar.outcome] if bar.outcome not in ("ok", "status") else []
    what += [bar.error_code] if bar.error_code else []
    return " ".join(what)


def _drawn(bar: Bar, whole_ns: int) -> str:
    begin = min(_BAR - 1, bar.start_ns * _BAR // whole_ns)
    length = max(1, round((bar.length_ns or 0) * _BAR / whole_ns))
    return " " * begin + ("█" if bar.served else "▒") * min(length, _BAR - begin)


def _why(request: Any) -> str:
    status = _number(request["status"])
    parts = [str(request["outcome"]), *([str(status)] if status is not None else [])]
    parts += [str(request["error"])] if isinstance(request["error"], str) and request["error"] else []
    return " ".join(parts)


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
