"""One event of a stream is broken: half of it is missing, and the stream goes on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Send half of an event; see `Change`."""
    if not in_stream(case, seen, step) or not isinstance(step, Send):
        return seen, (step,)
    data = step.data.rstrip(b"\n")
    return seen._replace(fired=True), (Send(data[: -(-len(data) // 2)] + b"\n\n"),)
