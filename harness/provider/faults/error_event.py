"""An error inside a 200: the stream breaks off with an event that says so."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.answer import Problem
from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import End, Send, Step

USUAL: Problem = "server_error"
"""What it says is wrong, unless the scenario does."""


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """End the body with an error; see `Change`."""
    if not in_stream(case, seen, step):
        return seen, (step,)
    event = case.dialect.error_event(case.call, case.attempt_id, case.inject.error or USUAL)
    return seen._replace(fired=True, over=True), (Send(event), End())
