"""The provider falls silent in mid-body, and goes on later."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import PAUSE_NS, AnswerProgress, FaultContext, half_way
from harness.provider.inject import Inject
from harness.provider.reply import Step, Wait


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Wait half-way."""
    halves = half_way(context, progress, step)
    if halves is None:
        return progress, (step,)
    return progress._replace(fired=True), (*halves[0], Wait(context.inject.pause or PAUSE_NS), *halves[1])


STALL = FaultKind(
    kind="stream_stall",
    written=("stream: stall",),
    keys=frozenset({"after_tokens", "pause"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=False,
        outcome="ok",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=True,
    words=phrases(did="stalled in mid-answer", one="stall in mid-answer", many="stalls in mid-answer"),
    meets="silent for `pause` after `after_tokens` tokens, then goes on",
    meets_plain="silent half-way, then goes on",
    examples=(Example("slow", 3, Inject(stream="stall", pause=20 * 10**9)),),
)
