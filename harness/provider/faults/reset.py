"""The connection is reset before any answer."""

from __future__ import annotations

from harness.provider.answer import Answer
from harness.provider.dialects import Dialect
from harness.provider.reply import Reset
from harness.scenario import Inject


def answer(_dialect: Dialect, _inject: Inject, _attempt_id: str) -> Answer:
    """Return a reset alone."""
    return Answer(reply=[Reset()])
