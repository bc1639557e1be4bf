"""The stream has a beginning and an end, and no content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Send, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Leave the tokens out, and what the end repeats of them."""
    if not (progress.fine and progress.stream and isinstance(step, Send)):
        return progress, (step,)
    if step.part == "finish":
        data = context.dialect.emptied(step.data)
        return progress._replace(fired=progress.fired or data != step.data), (replace(step, data=data, text=""),)
    return (progress._replace(fired=True), ()) if step.text else (progress, (step,))


EMPTY = FaultKind(
    kind="stream_empty",
    written=("stream: empty",),
    keys=frozenset(),
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
    words=phrases(did="sent empty streams", one="empty stream", many="empty streams"),
    meets="beginning and end, but no token",
    meets_plain="nothing",
    examples=(Example("streamed", 4, Inject(stream="empty")),),
)
