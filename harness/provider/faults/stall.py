"""The provider falls silent in mid-body, and goes on later."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen, half_way
from harness.provider.inject import PAUSE_NS
from harness.provider.reply import Step, Wait


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Wait half-way; see `Change`."""
    halves = half_way(case, seen, step)
    if halves is None:
        return seen, (step,)
    return seen._replace(fired=True), (*halves[0], Wait(case.inject.pause or PAUSE_NS), *halves[1])
