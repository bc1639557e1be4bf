"""The stream ends properly, but early: without a reason, and without the sign that nothing follows."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext, in_stream
from harness.provider.inject import Inject
from harness.provider.reply import End, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """End the body."""
    if isinstance(step, End) or not in_stream(context, progress, step):
        return progress, (step,)
    return progress._replace(fired=True, over=True), (End(),)


END = FaultKind(
    kind="stream_end",
    written=("stream: end",),
    keys=frozenset({"after_tokens"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=True,
        outcome="cut",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(did="ended streams early", one="stream that ended early", many="streams that ended early"),
    meets="ends properly after `after_tokens` tokens, without a finish reason and without `[DONE]`",
    meets_plain="nothing",
    examples=(Example("streamed", 2, Inject(stream="end")),),
)
