"""The stream does not report its usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.fault_kind import ActsOnAnswer, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.reply import Send, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Leave usage out."""
    if not (progress.fine and progress.stream and isinstance(step, Send)):
        return progress, (step,)
    data = b"".join(context.dialect.without_usage(event) for event in context.dialect.framing.events(step.data))
    if data == step.data:
        return progress, (step,)
    return progress._replace(fired=True), (replace(step, data=data),) if data else ()


NO_USAGE = FaultKind(
    kind="stream_no_usage",
    written=("stream: no_usage",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=True,
        outcome="ok",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=False,
    words=phrases(did="left usage out of its streams", one="stream without usage", many="streams without usage"),
    meets="nothing about usage",
    meets_plain="nothing",
    examples=(),
)
