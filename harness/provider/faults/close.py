"""The connection is closed before any answer."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.faults.case import Case
from harness.provider.reply import Close


def answer(_case: Case) -> Answer:
    """Return a close alone."""
    return Answer(reply=[Close()])
