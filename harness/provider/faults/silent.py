"""The provider takes the request and never says a word."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.faults.case import Case
from harness.provider.reply import Hang


def answer(_case: Case) -> Answer:
    """Return silence alone."""
    return Answer(reply=[Hang()])
