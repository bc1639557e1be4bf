"""One event of a stream is broken: half of its JSON is missing, and the stream goes on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext, in_stream
from harness.provider.inject import Inject
from harness.provider.reply import Send, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Send half of an event."""
    if not in_stream(context, progress, step) or not isinstance(step, Send):
        return progress, (step,)
    return progress._replace(fired=True), (Send(context.dialect.framing.broken(step.data)),)


MALFORMED = FaultKind(
    kind="stream_malformed",
    written=("stream: malformed",),
    keys=frozenset({"after_tokens"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=True,
        outcome="malformed",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(did="broke an event of its streams", one="broken stream", many="broken streams"),
    meets="the event after `after_tokens` tokens holds half of its JSON; the stream goes on",
    meets_plain="nothing",
    examples=(Example("streamed", 3, Inject(stream="malformed")),),
)
