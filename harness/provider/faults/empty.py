"""The stream has a beginning and an end, and no content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Leave the tokens out, and what the end repeats of them; see `Change`."""
    if not (seen.fine and seen.stream and isinstance(step, Send)):
        return seen, (step,)
    if step.part == "finish":
        data = case.dialect.emptied(step.data)
        return seen._replace(fired=seen.fired or data != step.data), (replace(step, data=data, text=""),)
    return (seen._replace(fired=True), ()) if step.text else (seen, (step,))
