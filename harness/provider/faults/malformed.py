"""One event of a stream is broken: half of what it says is missing, and the stream goes on."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import Send, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Send half of an event; see `Change`."""
    if not in_stream(case, seen, step) or not isinstance(step, Send):
        return seen, (step,)
    before, mark, data = step.data.rstrip().rpartition(b"data:")
    return seen._replace(fired=True), (Send(before + mark + data[: len(data) // 2 + 1] + b"\n\n"),)
