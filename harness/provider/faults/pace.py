"""The headers come at once, the first token late, or all tokens slowly."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Head, Send, Step, Wait
from harness.quantities import S

_CHARS_PER_TOKEN = 4


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Put our own waits in the place of the provider's.

    A wait before the first token goes where `ttft` is given, one between tokens where `tokens_per_second` is. A plain
    answer has its tokens all at once, when the last would have come.
    """
    inject = context.inject
    if isinstance(step, Wait):
        ours = inject.ttft if progress.tokens == 0 else inject.tokens_per_second
        return (progress, (step,)) if ours is None else (progress._replace(fired=True), ())
    if isinstance(step, Head) or not (progress.fine and isinstance(step, Send) and step.text):
        return progress, (step,)
    wait_ns = (inject.ttft or 0) if progress.tokens == 0 else 0
    if inject.tokens_per_second is not None:
        wait_ns += round(_gaps(context, progress, step) * 1e9 / inject.tokens_per_second)
    return (progress._replace(fired=True), (Wait(wait_ns), step)) if wait_ns else (progress, (step,))


def _gaps(context: FaultContext, progress: AnswerProgress, step: Send) -> int:
    """Return how many gaps between tokens lie before a step."""
    if progress.stream:
        return int(progress.tokens > 0)
    tokens = len(step.text) // _CHARS_PER_TOKEN if context.tokens is None else context.tokens
    return max(0, tokens - 1)


PACE = FaultKind(
    kind="pace",
    written=("ttft", "tokens_per_second"),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="pace", change=change, streams_only=False, outcome="ok", error_code=no_error, withholds_text=False
    ),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=True,
    words=phrases(did="wrote slowly", one="slow stream", many="slow streams"),
    meets=(
        "`ttft`: headers at once, the first token so long after them; `tokens_per_second`: tokens at this speed from the "
        "second on"
    ),
    meets_plain="headers at once, the body when the last token would have come",
    examples=(Example("streamed", 7, Inject(ttft=20 * S)),),
)
