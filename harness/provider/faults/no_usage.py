"""The stream does not say what it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Leave usage out; see `Change`."""
    if not (seen.fine and seen.stream and isinstance(step, Send)):
        return seen, (step,)
    data = case.dialect.without_usage(step.data)
    if data == step.data:
        return seen, (step,)
    return seen._replace(fired=True), (replace(step, data=data),) if data else ()
