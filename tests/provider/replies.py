"""Answers of a mocked provider, and what faults make of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.chain import Provider
from harness.provider.answer import Answer, Call
from harness.provider.decide import NOTHING, Decision
from harness.provider.reply import Head, Send, Step, Wait
from harness.provider.respond import respond
from harness.scenario import Inject
from tests.plans import quick, window

TOKENS = 8
NAME = "req-000001.openai.1"
STREAM = Call(model="gpt-4", streaming=True, usage=True, prompt_tokens=3)
PLAIN = Call(model="gpt-4", prompt_tokens=3)


def mock(dialect: str = "openai", **reply: Any) -> Provider:
    """Return a provider that answers eight tokens at once."""
    return quick(dialect, **{"tokens": TOKENS, **reply})


def decision(*injects: Inject, **fields: Any) -> Decision:
    """Return the decision that these faults touch an attempt, named `fault-1` and so on."""
    faults = {
        inject.fault_kind.aspect: window(inject, fault_id=f"fault-{place}")
        for place, inject in enumerate(injects, start=1)
    }
    return Decision(faults, **fields)


def answered(call: Call, *injects: Inject, dialect: str = "openai", reply: Any = None, **fields: Any) -> Answer:
    """Return the answer to a call that these faults touch."""
    decided = decision(*injects, **fields) if injects or fields else NOTHING
    return respond(mock(dialect, **(reply or {})), call, NAME, decided)


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
