"""The provider sends comments in place of content for a while, which defeats a timeout between bytes."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import Send, Step, Wait
from harness.scenario.schema import PAUSE_NS

EVERY_NS = 10**9


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Send one comment a second; see `Change`."""
    if not in_stream(case, seen, step):
        return seen, (step,)
    comments, rest_ns = divmod(case.inject.pause or PAUSE_NS, EVERY_NS)
    steps: list[Step] = [Wait(EVERY_NS), Send(case.dialect.KEEPALIVE)] * comments
    if rest_ns:
        steps.append(Wait(rest_ns))
    return seen._replace(fired=True), (*steps, step)
