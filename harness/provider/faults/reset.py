"""The connection is reset before any answer."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.faults.case import Case
from harness.provider.reply import Reset


def answer(_case: Case) -> Answer:
    """Return a reset alone."""
    return Answer(reply=[Reset()])
