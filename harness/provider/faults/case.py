"""What every fault is given: the attempt it touches, and how far its answer has come."""

from __future__ import annotations

from typing import NamedTuple

from harness.http_rules import is_success
from harness.provider.answer import Call
from harness.provider.dialects import Dialect
from harness.provider.inject import AFTER_TOKENS, Inject
from harness.provider.reply import End, Head, Send, Step


class Case(NamedTuple):
    """One attempt that a fault touches.

    Attributes:
        dialect: The provider's.
        inject: What goes wrong.
        call: As parsed.
        attempt_id: Names the attempt.
        wait_ns: How long a limit tells to wait, in nanoseconds.
        wall_ns: What time it is, in nanoseconds since 1970.
        drawn: A number in [0, 1) fixed by the fault and the attempt.
        tokens: Length of the answer's text; None where that is not known beforehand.
    """

    dialect: Dialect
    inject: Inject
    call: Call
    attempt_id: str
    wait_ns: int = 0
    wall_ns: int = 0
    drawn: float = 0.5
    tokens: int | None = None


class Seen(NamedTuple):
    """How far an answer has come before a step.

    Attributes:
        status: Of its headers; None before them.
        stream: Whether its body is a stream of events.
        length: The Content-Length that its headers promise; None if they do not.
        sent: Bytes of the body so far.
        tokens: Tokens so far.
        fired: Whether the fault has changed it.
        over: Whether the fault has ended it: what the provider still says is dropped.
    """

    status: int | None = None
    stream: bool = False
    length: int | None = None
    sent: int = 0
    tokens: int = 0
    fired: bool = False
    over: bool = False

    @property
    def fine(self) -> bool:
        """Whether the provider has begun an answer that is no error."""
        return is_success(self.status)

    def after(self, step: Step) -> Seen:
        """Return how far it has come after a step."""
        if isinstance(step, Send):
            return self._replace(sent=self.sent + len(step.data), tokens=self.tokens + (step.text != ""))
        if isinstance(step, Head):
            headers = dict(step.headers)
            length = headers.get("content-length", "")
            return self._replace(
                status=step.status,
                stream=headers.get("content-type", "").startswith("text/event-stream"),
                length=int(length) if length.isdecimal() else None,
            )
        return self


def in_stream(case: Case, seen: Seen, step: Step) -> bool:
    """Return whether a stream fault acts before this step: after so many tokens, else before the answer's end."""
    if seen.fired or not (seen.fine and seen.stream):
        return False
    if isinstance(step, Send) and step.text:
        wanted = case.inject.after_tokens
        return seen.tokens >= (AFTER_TOKENS if wanted is None else wanted)
    return isinstance(step, End) or (isinstance(step, Send) and step.part != "")


def half_way(case: Case, seen: Seen, step: Step) -> tuple[list[Step], list[Step]] | None:
    """Return what of a step passes before a fault that acts half-way, and what after; None if it does not act now.

    In a stream it acts after so many tokens, in a plain answer half-way through the promised length.
    """
    if in_stream(case, seen, step):
        return [], [step]
    if seen.fired or seen.stream or not seen.fine:
        return None
    if isinstance(step, End):
        return [], [step]
    if not isinstance(step, Send) or seen.length is None:
        return None
    left = seen.length // 2 - seen.sent
    if len(step.data) <= left:
        return None
    before: list[Step] = [Send(step.data[:left])] if left else []
    return before, [Send(step.data[left:], step.text)]
