"""An error inside a 200: the stream breaks off with an event that holds an error."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.answer import Problem, Refusal
from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext, in_stream
from harness.provider.inject import Inject
from harness.provider.reply import End, Send, Step

_USUAL: Problem = "server_error"


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """End the body with an error."""
    if not in_stream(context, progress, step):
        return progress, (step,)
    event = context.dialect.error_event(_refusal(context))
    return progress._replace(fired=True, over=True), (Send(event), End())


def error_code(context: FaultContext) -> str | None:
    """Return the code that the event holds."""
    dialect = context.dialect
    found = map(dialect.read_error, dialect.framing.events(dialect.error_event(_refusal(context))))
    return next((error.error_code for error in found if error is not None), None)


def _refusal(context: FaultContext) -> Refusal:
    return Refusal(context.call, context.attempt_id, problem=context.inject.error or _USUAL)


ERROR_EVENT = FaultKind(
    kind="stream_error_event",
    written=("stream: error_event",),
    keys=frozenset({"after_tokens", "error"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=True,
        outcome="cut",
        error_code=error_code,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(did="ended streams in an error", one="error inside a stream", many="errors inside streams"),
    meets="ends after `after_tokens` tokens with the provider's error event, by default that of `server_error`; `error` names another",
    meets_plain="nothing",
    examples=(
        Example("streamed", 0, Inject(stream="error_event")),
        Example("streamed", 1, Inject(stream="error_event", after_tokens=0)),
    ),
)
