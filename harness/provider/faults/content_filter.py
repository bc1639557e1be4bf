"""The provider's content filter ends the answer, and the stream says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Leave the rest of the tokens out, and have the end name the filter; see `Change`."""
    if not (seen.fine and seen.stream and isinstance(step, Send)):
        return seen, (step,)
    if step.part == "finish":
        return seen._replace(fired=True), (replace(step, data=case.dialect.filtered(step.data)),)
    if step.text and (seen.fired or in_stream(case, seen, step)):
        return seen._replace(fired=True), ()
    return seen, (step,)
