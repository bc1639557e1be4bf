"""Answers of a mocked provider, and what faults make of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.chain import Provider, ReplySpec
from harness.provider.answer import Answer, Call
from harness.provider.decide import NOTHING, Decision
from harness.provider.reply import Head, Send, Step, Wait
from harness.provider.respond import respond
from harness.scenario import Inject, Window

TOKENS = 8
NAME = "req-000001.openai.1"
STREAM = Call(model="gpt-4", streaming=True, usage=True, prompt_tokens=3)
PLAIN = Call(model="gpt-4", prompt_tokens=3)
S = 10**9


def provider(dialect: str = "openai", **reply: Any) -> Provider:
    """Return a provider that answers eight tokens at once."""
    spec = ReplySpec(**({"ttft": 0, "tokens": TOKENS, "tokens_per_second": 0} | reply))
    return Provider(dialect=dialect, model="gpt-4", reply=spec)  # type: ignore[arg-type]


def window(inject: Inject, fault_id: str = "fault-1") -> Window:
    """Return a window that holds a fault."""
    return Window(fault_id=fault_id, provider="openai", start_ns=0, end_ns=1, inject=inject)


def decision(*injects: Inject, **fields: Any) -> Decision:
    """Return the decision that these faults touch an attempt, named `fault-1` and so on."""
    faults = {
        inject.fault_kind.aspect: window(inject, f"fault-{place}") for place, inject in enumerate(injects, start=1)
    }
    return Decision(faults, **fields)


def answered(call: Call, *injects: Inject, dialect: str = "openai", reply: Any = None, **fields: Any) -> Answer:
    """Return the answer to a call that these faults touch."""
    decided = decision(*injects, **fields) if injects or fields else NOTHING
    return respond(provider(dialect, **(reply or {})), call, NAME, decided)


def tokens(reply: Iterable[Step]) -> int:
    """Return how many tokens leave."""
    return sum(isinstance(step, Send) and step.text != "" for step in reply)


def parts(reply: Iterable[Step]) -> list[str]:
    """Return the parts of an answer's end that leave."""
    return [step.part for step in reply if isinstance(step, Send) and step.part]


def body(reply: Iterable[Step]) -> bytes:
    """Return all bytes that leave."""
    return b"".join(step.data for step in reply if isinstance(step, Send))


def head(reply: Iterable[Step]) -> Head:
    """Return the headers."""
    return next(step for step in reply if isinstance(step, Head))


def headers(reply: Iterable[Step]) -> dict[str, str]:
    """Return the headers by name."""
    return dict(head(reply).headers)


def waits(reply: Iterable[Step]) -> list[int]:
    """Return the waits that last any time, in nanoseconds."""
    return [step.ns for step in reply if isinstance(step, Wait) and step.ns]
