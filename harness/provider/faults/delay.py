"""The headers come late; so does whatever else would have come in their place."""

from __future__ import annotations

from collections.abc import Sequence

from harness.provider.faults.case import Case, Seen
from harness.provider.inject import Inject
from harness.provider.reply import Hang, Step, Wait


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Hold up the first thing that is not a wait; see `Change`."""
    if seen.fired or isinstance(step, Wait | Hang):
        return seen, (step,)
    return seen._replace(fired=True), (Wait(wait_ns(case.inject, case.drawn)), step)


def wait_ns(inject: Inject, drawn: float) -> int:
    """Return how long the headers are withheld, in nanoseconds.

    Args:
        inject: The delay.
        drawn: Where in its spread, from 0 to 1.
    """
    return round((inject.delay or 0) + (2 * drawn - 1) * (inject.jitter or 0))
