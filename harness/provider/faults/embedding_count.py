"""An answer with embeddings lacks the last vector, and ends well."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.fault_kind import ActsOnAnswer, FaultKind, anything, never, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import AnswerProgress, FaultContext
from harness.provider.reply import End, Head, Send, Step


def change(context: FaultContext, progress: AnswerProgress, step: Step) -> tuple[AnswerProgress, Sequence[Step]]:
    """Hold the body back until all of it has come, and send it without its last vector."""
    form = context.dialect.embed
    if form is None or not context.call.inputs or not progress.fine or progress.stream or isinstance(step, Head):
        return progress, (step,)
    if isinstance(step, Send):
        return progress._replace(held=progress.held + step.data), ()
    if not isinstance(step, End):
        return progress._replace(held=b""), (*([Send(progress.held)] if progress.held else []), step)
    body = form.fewer(progress.held)
    if body == progress.held or len(body) > len(progress.held):
        return progress, (Send(progress.held, form.read(progress.held).text), step)
    # Of the same length: the headers, which say it, have left.
    return progress._replace(fired=True), (Send(body.ljust(len(progress.held)), form.read(body).text), step)


EMBEDDING_COUNT = FaultKind(
    kind="embedding_count",
    written=("answer: embedding_count",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=change,
        streams_only=False,
        outcome="malformed",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=phrases(
        did="sent one vector too few", one="answer with a vector too few", many="answers with a vector too few"
    ),
    meets="a success with one vector less than there were texts; chats are left alone",
    meets_plain="",
    examples=(),
)
