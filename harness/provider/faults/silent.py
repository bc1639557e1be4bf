"""The provider takes the request and never says a word."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.dialects import Dialect
from harness.provider.reply import Hang
from harness.scenario import Inject


def answer(_dialect: Dialect, _inject: Inject, _attempt_id: str) -> Answer:
    """Return silence alone."""
    return Answer(reply=[Hang()])
