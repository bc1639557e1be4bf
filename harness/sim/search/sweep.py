"""The timelines that show a difference between two chains: each fault by itself first, then two faults at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from random import Random

from harness.scenario import Fault, Inject
from harness.sim.search.space import FaultSchedule, Space

_CALLERS = 4
"""Enough for a cooldown that begins after three failures to be felt."""
_AFTER = 2


def sweep(space: Space) -> Iterator[FaultSchedule]:
    """Yield timelines without end: every fault at the primary, every fault at the next while the primary fails, then pairs."""
    primary, *others = space.providers
    at_primary = [inject for name, inject in space.pairs() if name == primary]
    for inject in at_primary:
        yield _timeline(space, _whole(space, primary, inject))
    for inject in at_primary:
        if not inject.fault_kind.streams_only:
            yield replace(_timeline(space, _whole(space, primary, inject)), streaming=True)
    if others:
        down = _whole(space, primary, at_primary[0])
        for inject in at_primary[1:]:
            yield _timeline(space, down, _whole(space, others[0], inject))
    yield from _pairs(space)


def smaller(
    space: Space, schedule: FaultSchedule, holds: Callable[[FaultSchedule], bool], *, same_faults: bool = False
) -> FaultSchedule:
    """Return a timeline without what it does not need.

    Args:
        space: Where it is from.
        schedule: The timeline.
        holds: Whether a smaller one still shows what this one does.
        same_faults: Keep the kinds of its faults.
    """
    kinds = {fault.inject for fault in schedule.faults}
    while True:
        steps: Iterator[FaultSchedule] = chain(space.shorter(schedule), schedule.simpler())
        if same_faults:
            steps = (each for each in steps if kinds.issuperset(fault.inject for fault in each.faults))
        found = next(filter(holds, steps), None)
        if found is None:
            return schedule
        schedule = found


def _whole(space: Space, provider: str, inject: Inject) -> Fault:
    """Return a fault that lasts as long as providers may fail."""
    return Fault(on=provider, inject=inject, at=0, for_=_CALLERS * space.gap_ns)


def _timeline(space: Space, *faults: Fault) -> FaultSchedule:
    streaming = any(fault.inject.fault_kind.streams_only for fault in faults)
    return FaultSchedule(streaming, faults, callers=_CALLERS, after=min(_AFTER, space.after))


def _pairs(space: Space) -> Iterator[FaultSchedule]:
    random = Random(space.seed)
    choices = space.pairs()
    while True:
        faults = tuple(
            replace(_whole(space, *random.choice(choices)), first=random.choice((None, 1, 2)))
            for _ in range(random.choice((1, 2, 2)))
        )
        faults = tuple(
            replace(fault, first=None) if fault.inject.fault_kind.whole_provider else fault for fault in faults
        )
        timeline = _timeline(space, *faults)
        yield replace(timeline, streaming=timeline.streaming or random.random() < 0.5)
