"""The provider sends comments in place of content for a while, which defeats a timeout between bytes."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import PAUSE_NS, AnswerProgress, FaultContext, in_stream
from harness.provider.inject import Inject
from harness.provider.reply import Send, Step, Wait

EVERY_NS = 10**9
"""About how long from one comment to the next; a shorter pause has one."""


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Send comments, and go on."""
    if not in_stream(context, progress, step):
        return progress, (step,)
    pause_ns = context.inject.pause or PAUSE_NS
    comments = max(1, pause_ns // EVERY_NS)
    steps: list[Step] = [Wait(pause_ns // comments), Send(context.dialect.keepalive)] * comments
    return progress._replace(fired=True), (*steps, step)


KEEPALIVE = FaultKind(
    kind="stream_keepalive",
    written=("stream: keepalive",),
    keys=frozenset({"after_tokens", "pause"}),
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
    merely_slows=True,
    words=phrases(
        did="sent comments in place of content", one="stream of mere comments", many="streams of mere comments"
    ),
    meets="comments (or `ping` events), about one a second, for `pause` after `after_tokens` tokens; then goes on",
    meets_plain="nothing",
    examples=(Example("streamed", 6, Inject(stream="keepalive", after_tokens=0, pause=20 * 10**9)),),
)
