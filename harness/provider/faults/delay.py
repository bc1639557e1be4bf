"""The headers come late; so does whatever else would have come in their place."""

from __future__ import annotations

from collections.abc import Sequence

from harness.document.marks import field_error
from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Hang, Step, Wait
from harness.quantities import S


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Hold up the first thing that is not a wait."""
    if progress.fired or isinstance(step, Wait | Hang):
        return progress, (step,)
    delay_ns, jitter_ns = context.inject.delay or 0, context.inject.jitter or 0
    wait = Wait(round(delay_ns + (2 * context.drawn - 1) * jitter_ns))
    return progress._replace(fired=True), (wait, step)


def check_jitter(inject: Inject) -> None:
    """Refuse a spread that would make a delay negative."""
    if inject.jitter and inject.jitter > (inject.delay or 0):
        raise field_error("jitter is larger than the delay")


DELAY = FaultKind(
    kind="delay",
    written=("delay",),
    keys=frozenset({"jitter"}),
    needs={},
    check=check_jitter,
    act=ActsOnAnswer(
        aspect="delay", change=change, streams_only=False, outcome="ok", error_code=no_error, withholds_text=False
    ),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=True,
    words=phrases(did="answered late", one="late answer", many="late answers"),
    meets="the headers, or whatever else comes first, arrive so much (± `jitter`) later; errors, closes and resets too",
    meets_plain="the same",
    examples=(Example("slow", 1, Inject(delay=5 * S)), Example("slow", 2, Inject(delay=20 * S))),
)
