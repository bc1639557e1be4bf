"""One request: each of its attempts, from left to right in time, and what its caller got."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import pandas as pd
from rich.console import Console

from harness import quantities
from harness.quantities import MISSING
from harness.report import console as output
from harness.scenario import Plan

_BAR = 24
_WIDE = 110
"""From how many columns on there is room for bars."""


class RecordedRun(Protocol):
    """What a waterfall is drawn from."""

    @property
    def plan(self) -> Plan:
        """What the run was to do."""

    @property
    def requests(self) -> pd.DataFrame:
        """RequestRecord columns."""

    @property
    def attempts(self) -> pd.DataFrame:
        """AttemptRecord columns."""


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


class RequestStory(NamedTuple):
    """One request.

    Attributes:
        request_id: Its id.
        due_ns: When it was to go out, since the run's origin, in nanoseconds.
        took_ns: From then until its caller had an answer, or gave up; None where there is no record of that.
        outcome: `RequestRecord.outcome`; None where there is no record, because the run was cut short.
        complete: Its caller got a complete answer.
        status: HTTP status; None where none came.
        served_by: Whose answer the caller got; None for nobody's.
        error: What went wrong, in short, as the caller sees it.
        text: The beginning of the answer's text; None where the run keeps none.
        text_chars: Length of the whole text, in characters.
        attempts: In the order in which they began.
    """

    request_id: str
    due_ns: int
    took_ns: int | None
    outcome: str | None
    complete: bool
    status: int | None
    served_by: str | None
    error: str | None
    text: str | None
    text_chars: int | None
    attempts: tuple[Bar, ...]

    @property
    def cost_usd(self) -> float | None:
        """Cost of all attempts whose cost is known; None where that is none."""
        known = [bar.cost_usd for bar in self.attempts if bar.cost_usd is not None]
        return sum(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """Return it for other programs."""
        attempts = [bar._asdict() for bar in self.attempts]
        return {**self._asdict(), "cost_usd": self.cost_usd, "attempts": attempts}


def is_served(request: Any) -> bool:
    """Return whether the caller of a request, a row of the table of requests, got a complete answer."""
    return request["outcome"] == "ok" and bool(request["complete"])


def stories(run: RecordedRun, request_ids: Iterable[str]) -> list[RequestStory]:
    """Return some requests of a run, in the order given; those without a record have what the plan and their attempts give."""
    wanted = list(request_ids)
    due = {arrival.request_id: arrival.scheduled_ns for arrival in run.plan.arrivals}
    rows = run.requests[run.requests["request_id"].isin(wanted)].to_dict("records")
    requests = {row["request_id"]: row for row in rows}
    mine = run.attempts[run.attempts["request_id"].isin(wanted)].sort_values("start_ns", kind="stable")
    attempts: dict[str, list[Any]] = {name: [] for name in wanted}
    for attempt in mine.to_dict("records"):
        attempts[attempt["request_id"]].append(attempt)
    return [_story(name, due[name], requests.get(name), attempts[name]) for name in wanted]


def _story(name: str, due_ns: int, request: Any, attempts: list[Any]) -> RequestStory:
    found = {} if request is None else request
    end_ns = _number(found.get("end_ns"))
    served = _text(found.get("served_attempt"))
    return RequestStory(
        request_id=name,
        due_ns=due_ns,
        took_ns=None if end_ns is None else end_ns - due_ns,
        outcome=_text(found.get("outcome")),
        complete=request is not None and is_served(request),
        status=_number(found.get("status")),
        served_by=_text(found.get("served_by")),
        error=_text(found.get("error")),
        text=_text(found.get("text")),
        text_chars=_number(found.get("text_chars")),
        attempts=tuple(_bars(attempts, due_ns, served)),
    )


def _bars(attempts: Iterable[Any], due_ns: int, served: str | None) -> Iterable[Bar]:
    ended_ns: int | None = None
    for row in attempts:
        start_ns, end_ns = int(row["start_ns"]), _number(row["end_ns"])
        yield Bar(
            attempt=row["attempt_id"],
            provider=row["provider"],
            start_ns=start_ns - due_ns,
            wait_ns=0 if ended_ns is None else max(0, start_ns - ended_ns),
            length_ns=None if end_ns is None else end_ns - start_ns,
            status=_number(row["status"]),
            outcome=row["outcome"],
            error_code=_text(row["error_code"]),
            tokens_out=_number(row["tokens_out"]),
            cost_usd=None if pd.isna(row["cost_usd"]) else float(row["cost_usd"]),
            served=row["attempt_id"] == served,
        )
        ended_ns = start_ns if end_ns is None else end_ns


def print_request(story: RequestStory, console: Console) -> None:
    """Print a request: who was asked when, what came of it, and the beginning of the answer where the run keeps it."""
    whole_ns = max(1, story.took_ns or 0, *(bar.start_ns + (bar.length_ns or 0) for bar in story.attempts))
    drawn = console.width >= _WIDE
    columns = ("at", "provider", "answer", "took", "wait", "tokens", "cost", *([""] if drawn else []))
    rows = [(*_cells(bar), *([_drawn(bar, whole_ns)] if drawn else [])) for bar in story.attempts]
    if rows:
        output.table(console, columns, rows)
    output.line(console, f"{story.request_id}: {sentence(story)}")
    if story.text:
        output.line(console, f"answer: {story.text}")


def sentence(story: RequestStory) -> str:
    """Return what came of a request, and what it took: `served by azure after 7.33 s (4 attempts, $0.00159)`."""
    cost = [] if story.cost_usd is None else [quantities.amount(story.cost_usd, "usd")]
    spent = ", ".join([quantities.plural(len(story.attempts), "attempt"), *cost])
    return f"{_came_of(story)} ({spent})"


def print_requests(told: Iterable[RequestStory], console: Console) -> None:
    """Print requests, a line each."""
    rows = [
        (
            story.request_id,
            quantities.duration(story.due_ns),
            MISSING if story.took_ns is None else quantities.duration(story.took_ns),
            _route(story.attempts),
            _ended_as(story),
        )
        for story in told
    ]
    output.table(console, ("request", "due at", "took", "asked", "what came of it"), rows)


def _came_of(story: RequestStory) -> str:
    took = "" if story.took_ns is None else f" after {quantities.duration(story.took_ns)}"
    if story.complete:
        return f"served by {story.served_by or 'the chain'}{took}"
    if story.outcome is None:
        return "no record of an answer: the run was cut short"
    return f"no complete answer{took}: {_why(story)}"


def _ended_as(story: RequestStory) -> str:
    if story.complete:
        return f"served by {story.served_by or 'the chain'}"
    return " ".join(filter(None, [story.outcome or "no record", str(story.status or "")]))


def _route(attempts: Iterable[Bar]) -> str:
    """Return who was asked, in order, and how often: `openai ×3 → azure`."""
    asked = Counter(bar.provider for bar in attempts)
    return " → ".join(f"{name} ×{times}" if times > 1 else name for name, times in asked.items()) or "nobody"


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
    what += [bar.error_code] if bar.error_code and bar.error_code not in what else []
    return " ".join(what)


def _drawn(bar: Bar, whole_ns: int) -> str:
    begin = min(_BAR - 1, max(0, bar.start_ns) * _BAR // whole_ns)
    length = max(1, round((bar.length_ns or 0) * _BAR / whole_ns))
    return " " * begin + ("█" if bar.served else "▒") * min(length, _BAR - begin)


def _why(story: RequestStory) -> str:
    status = str(story.status) if story.status is not None else ""
    error = story.error or ""
    named = error if error.startswith(status) else f"{status} {error}"
    return f"{story.outcome} {named}".strip()


def _number(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
