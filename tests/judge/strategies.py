"""Random histories that obey the records' own rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from harness.quantities import S
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import Book, Try, knowing, ns, plan_of

PROVIDERS = ("openai", "azure", "anthropic")
_FAULTS = (
    Fault(on="openai", during="fault", inject=Inject(status=429, retry_after=2 * S)),
    Fault(on="azure", at=20 * S, for_=10 * S, inject=Inject(status=503), share=0.5),
    Fault(on="openai", at=45 * S, for_=2 * S, inject=Inject(connection="slow", delay=S)),
)
_EXPECT = (
    "success_rate in fault >= 60%",
    "p50 latency < 5s",
    "p95 fallback_overhead in fault < 2s",
    "amplification in fault <= 3",
    "time_to_recover < 10s",
    "no retry_after_ignored",
    "no hang",
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Return a plan of three phases with some of the faults."""
    faults = draw(st.lists(st.sampled_from(_FAULTS), unique=True, max_size=3))
    plan = plan_of(*_EXPECT, faults=faults, deadline_s=draw(st.sampled_from([4.0, 20.0])), attempts=3)
    cooldown_ns = draw(st.sampled_from([0, 5 * S, 70 * S]))
    limited = draw(st.sampled_from([(), (), ("openai",), ("azure", "anthropic")]))
    return knowing(plan, cooldown_ns=dict.fromkeys(PROVIDERS, cooldown_ns), limited=limited)


def _millis(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(lambda millis: millis / 1000)


@st.composite
def _tries(draw: st.DrawFn) -> Try:
    status = draw(st.sampled_from([200, 200, 429, 503, 400, None]))
    outcome = draw(st.sampled_from(["ok", "cut"])) if status == 200 else None
    return Try(
        at=draw(st.sampled_from(PROVIDERS)),
        after_s=draw(st.one_of(_millis(0, 100), _millis(900, 3000), _millis(-300, 0))),
        took_s=draw(st.one_of(_millis(0, 50), _millis(500, 8000))),
        status=status,
        outcome=outcome,
        told_s=draw(st.sampled_from([None, 1.0, 2.0, 90.0])) if status == 429 else None,
        more={"model": draw(st.sampled_from([None, "gpt-4", "gpt-4", "gpt-4-32k"]))},
        fault=draw(st.sampled_from([None, "fault-1"])) if outcome != "ok" else None,
    )


@st.composite
def books(draw: st.DrawFn, *, size_max: int = 25) -> Book:
    """Return requests with any attempts, some given up, some never sent."""
    book = Book()
    for _ in range(draw(st.integers(1, size_max))):
        at_s = draw(_millis(0, 59_000))
        fields: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {},
                    {},
                    {},
                    {"outcome": "deadline", "end_ns": ns(at_s + 4), "complete": False, "first_token_ns": None},
                    {"outcome": "truncated", "complete": False},
                    {"outcome": "dropped", "start_ns": None, "end_ns": None, "status": None, "complete": False},
                ]
            )
        )
        tries = [] if fields.get("outcome") == "dropped" else draw(st.lists(_tries(), max_size=6))
        book.request(at_s, *tries, streaming=draw(st.booleans()), **fields)
    return book


def spoil(draw: st.DrawFn, book: Book) -> None:
    """Make some answers worse than the chain could notice: halves, doubles, inventions, codes of used-up quotas."""
    for place, attempt in enumerate(book.attempts):
        if attempt.status == 429:
            code = draw(st.sampled_from([None, "insufficient_quota", "rate_limit_exceeded"]))
            book.attempts[place] = replace(attempt, error_code=code)
        elif attempt.status == 503 and draw(st.integers(0, 5)) == 0:
            book.attempts[place] = replace(attempt, status=402)
    for place, request in enumerate(book.requests):
        how = draw(st.sampled_from(["as it was", "as it was", "half", "twice", "unnamed", "invented"]))
        if request.outcome == "dropped" or how == "as it was":
            continue
        rest: dict[str, object] = {"outcome": "ok", "status": 200, "complete": False}
        if how == "half":
            rest |= {"text_chars": 10}
        elif how == "twice":
            rest |= {"sources": ("one", "other")}
        elif how == "unnamed":
            rest |= {
                "served_attempt": None,
                "served_by": None,
                "sources": (),
                "text_chars": draw(st.sampled_from([None, 50, 100])),
            }
        else:
            rest |= {"served_attempt": None, "served_by": None, "sources": ("nobody",), "text_chars": 100}
        book.requests[place] = replace(request, **rest)  # type: ignore[arg-type]
