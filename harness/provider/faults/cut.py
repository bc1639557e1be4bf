"""The connection is closed in mid-body."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, half_way
from harness.provider.reply import Close, Step


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Close half-way; see `Change`."""
    halves = half_way(case, seen, step)
    if halves is None:
        return seen, (step,)
    return seen._replace(fired=True, over=True), (*halves[0], Close())
