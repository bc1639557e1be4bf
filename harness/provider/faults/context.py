"""What every fault is given: the attempt that it touches, and how far the answer has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.http_rules import is_success
from harness.provider.answer import Call
from harness.provider.dialects.framing import is_stream
from harness.provider.inject import Inject
from harness.provider.reply import Close, End, Head, Reset, Send, Step

if TYPE_CHECKING:
    from harness.provider.dialects import Dialect

AFTER_TOKENS = 5
"""How many tokens of an answer pass before a stream fault acts, unless `after_tokens` says so."""
PAUSE_NS = 10 * 10**9
"""How long a stream fault that pauses lasts, unless `pause` says so."""


class FaultContext(NamedTuple):
    """One attempt that a fault touches.

    Attributes:
        dialect: The provider's.
        inject: The fault's keys.
        call: The attempt's request, as parsed.
        attempt_id: Names the attempt.
        wait_ns: The delay that a limit sends, in nanoseconds.
        wall_ns: The time of day, in nanoseconds since 1970.
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


class AnswerProgress(NamedTuple):
    """How far an answer has come before a step.

    Attributes:
        status: Of its headers; None before them.
        stream: Whether its body is a stream of events.
        length: The Content-Length in its headers; None where there is none.
        sent: Bytes of the body so far.
        tokens: Tokens so far.
        fired: Whether the fault has changed it.
        over: Whether the fault has ended it: what the provider still sends is dropped.
        held: Bytes of the body that the fault holds back.
    """

    status: int | None = None
    stream: bool = False
    length: int | None = None
    sent: int = 0
    tokens: int = 0
    fired: bool = False
    over: bool = False
    held: bytes = b""

    @property
    def fine(self) -> bool:
        """Whether the provider has begun an answer that is no error."""
        return is_success(self.status)

    def after(self, step: Step) -> AnswerProgress:
        """Return how far it has come after a step."""
        if isinstance(step, Send):
            return self._replace(sent=self.sent + len(step.data), tokens=self.tokens + (step.text != ""))
        if isinstance(step, Head):
            headers = dict(step.headers)
            length = headers.get("content-length", "")
            return self._replace(
                status=step.status,
                stream=is_stream(headers.get("content-type", "")),
                length=int(length) if length.isdecimal() else None,
            )
        return self


def in_stream(context: FaultContext, progress: AnswerProgress, step: Step) -> bool:
    """Return whether a stream fault acts before this step: after so many tokens, else before the answer's end."""
    if progress.fired or not (progress.fine and progress.stream):
        return False
    if isinstance(step, Send) and step.text:
        wanted = context.inject.after_tokens
        return progress.tokens >= (AFTER_TOKENS if wanted is None else wanted)
    return isinstance(step, End) or (isinstance(step, Send) and step.part != "")


def half_way(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[list[Step], list[Step]] | None:
    """Return what of a step passes before a fault that acts half-way, and what after; None if it does not act now.

    In a stream it acts after so many tokens, in a plain answer half-way through the promised length.
    """
    if in_stream(context, progress, step):
        return [], [step]
    if progress.fired or progress.stream or not progress.fine:
        return None
    if isinstance(step, End):
        return [], [step]
    if not isinstance(step, Send) or progress.length is None:
        return None
    left = progress.length // 2 - progress.sent
    if len(step.data) <= left:
        return None
    before: list[Step] = [Send(step.data[:left])] if left else []
    return before, [Send(step.data[left:], step.text)]


def end_half_way(
    last: Close | Reset, context: FaultContext, progress: AnswerProgress, step: Step
) -> tuple[AnswerProgress, Sequence[Step]]:
    """Change an answer so that it ends half-way with `last`."""
    halves = half_way(context, progress, step)
    if halves is None:
        return progress, (step,)
    return progress._replace(fired=True, over=True), (*halves[0], last)
