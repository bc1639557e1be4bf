"""The provider takes the request and never answers."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.fault_kind import ActsInstead, Example, FaultKind, always, anything
from harness.provider.fault_words import phrases
from harness.provider.faults.context import FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import Hang


def answer(_context: FaultContext) -> Answer:
    """Return silence alone."""
    return Answer(reply=[Hang()])


SILENT = FaultKind(
    kind="silent",
    written=("connection: silent",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsInstead(answer=answer),
    ends_by=None,
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="went silent", one="silence", many="silences"),
    meets="the connection stays open, and nothing ever comes",
    meets_plain="",
    examples=(Example("slow", 0, Inject(connection="silent")),),
)
