"""The stream ends properly, but early: without a reason and without the sign that nothing follows."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, in_stream
from harness.provider.reply import End, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """End the body; see `Change`."""
    if isinstance(step, End) or not in_stream(case, seen, step):
        return seen, (step,)
    return seen._replace(fired=True, over=True), (End(),)
