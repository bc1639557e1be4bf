"""The provider sends comments in place of content for a while, which defeats a timeout between bytes."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.inject import PAUSE_NS
from harness.provider.reply import Send, Step, Wait

EVERY_NS = 10**9
"""About how long from one comment to the next; a shorter pause has one."""


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Send comments, and go on; see `Change`."""
    if not in_stream(case, seen, step):
        return seen, (step,)
    pause_ns = case.inject.pause or PAUSE_NS
    comments = max(1, pause_ns // EVERY_NS)
    steps: list[Step] = [Wait(pause_ns // comments), Send(case.dialect.KEEPALIVE)] * comments
    return seen._replace(fired=True), (*steps, step)
