"""The connection is closed before any answer."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.fault_kind import ActsInstead, Example, FaultKind, always, anything
from harness.provider.fault_words import phrases
from harness.provider.faults.context import FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Close


def answer(_context: FaultContext) -> Answer:
    """Return a close alone."""
    return Answer(reply=[Close()])


CLOSE = FaultKind(
    kind="close",
    written=("connection: close",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsInstead(answer=answer),
    ends_by="close",
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="closed connections", one="closed connection", many="closed connections"),
    meets="the connection is closed (FIN) before any answer",
    meets_plain="",
    examples=(Example("broken", 1, Inject(connection="close")),),
)
