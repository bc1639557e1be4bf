"""The connection is reset before any answer."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.fault_kind import ActsInstead, Example, FaultKind, always, anything
from harness.provider.fault_words import phrases
from harness.provider.faults.context import FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Reset


def answer(_context: FaultContext) -> Answer:
    """Return a reset alone."""
    return Answer(reply=[Reset()])


RESET = FaultKind(
    kind="reset",
    written=("connection: reset",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsInstead(answer=answer),
    ends_by="reset",
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="reset connections", one="reset", many="resets"),
    meets="a true RST before any answer",
    meets_plain="",
    examples=(Example("broken", 0, Inject(connection="reset")),),
)
