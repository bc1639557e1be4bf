"""The headers come late; so does whatever else would have come in their place."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Hang, Step, Wait


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Hold up the first thing that is not a wait; see `Change`."""
    if seen.fired or isinstance(step, Wait | Hang):
        return seen, (step,)
    inject = case.inject
    spread = (2 * case.drawn - 1) * (inject.jitter or 0)
    return seen._replace(fired=True), (Wait(round((inject.delay or 0) + spread)), step)
