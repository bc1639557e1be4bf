"""The stream ends without the sign that nothing follows."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.reply import Send, Step


def change(_context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Leave the sign out."""
    if not (progress.fine and progress.stream and isinstance(step, Send) and step.part == "done"):
        return progress, (step,)
    return progress._replace(fired=True), ()


NO_DONE = FaultKind(
    kind="stream_no_done",
    written=("stream: no_done",),
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
    words=phrases(
        did="left `[DONE]` out of its streams", one="stream without `[DONE]`", many="streams without `[DONE]`"
    ),
    meets="no `[DONE]`, or what the dialect has in its place",
    meets_plain="nothing",
    examples=(),
)
