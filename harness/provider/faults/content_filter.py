"""The provider's content filter ends the answer, and the stream names it as the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.fault_kind import ActsOnAnswer, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext, in_stream
from harness.provider.reply import Send, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Leave the rest of the tokens out, and have the end name the filter and repeat none of them."""
    if not (progress.fine and progress.stream and isinstance(step, Send)):
        return progress, (step,)
    held = progress.fired or (step.text != "" and in_stream(context, progress, step))
    if step.part == "finish":
        whole = replace(step, data=context.dialect.emptied(step.data), text="") if held else step
        data = context.dialect.filtered(whole.data)
        return progress._replace(fired=held or data != step.data), (replace(whole, data=data),)
    return (progress._replace(fired=True), ()) if held and step.text else (progress, (step,))


CONTENT_FILTER = FaultKind(
    kind="stream_content_filter",
    written=("stream: content_filter",),
    keys=frozenset({"after_tokens"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=True,
        outcome="ok",
        error_code=no_error,
        withholds_text=True,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(did="filtered its streams", one="filtered stream", many="filtered streams"),
    meets="no more tokens after `after_tokens`; the finish reason is the provider's content filter",
    meets_plain="nothing",
    examples=(),
)
