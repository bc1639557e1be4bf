"""The provider's content filter ends the answer, and the stream says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Leave the rest of the tokens out, and have the end name the filter and repeat none of them; see `Change`."""
    if not (seen.fine and seen.stream and isinstance(step, Send)):
        return seen, (step,)
    held = seen.fired or (step.text != "" and in_stream(case, seen, step))
    if step.part == "finish":
        whole = replace(step, data=case.dialect.emptied(step.data), text="") if held else step
        data = case.dialect.filtered(whole.data)
        return seen._replace(fired=held or data != step.data), (replace(whole, data=data),)
    return (seen._replace(fired=True), ()) if held and step.text else (seen, (step,))
