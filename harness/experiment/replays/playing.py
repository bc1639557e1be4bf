"""One way in which an incident may have been, played by a process that simulates."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import partial

from harness import sim
from harness.chain import Chain
from harness.errors import HarnessError
from harness.incident.cutting import PlayedPart
from harness.incident.numbers import OutageNumbers, outage_numbers
from harness.judge import RunData
from harness.messages import Failed
from harness.scenario import Plan
from harness.sim.warm import in_fork_for


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayPlan:
    """What a simulating process is asked.

    Attributes:
        plan: What to do.
        parts: What of the incident it plays.
        chain: The chain, with its secrets.
    """

    plan: Plan
    parts: tuple[PlayedPart, ...]
    chain: Chain = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What it answers.

    Attributes:
        numbers: Of the whole incident.
    """

    numbers: OutageNumbers


def played(asked: PlayPlan) -> Played | Failed:
    """Play a plan, in a fork of this process."""
    try:
        sim.prepare(asked.chain)
        return in_fork_for(asked.chain, partial(_played, asked), owner=sys.stdin.fileno())
    except Exception as bug:  # what one variant meets must not take the others' numbers with it
        return Failed(problem=HarnessError.wrapping(bug).headline)


def _played(asked: PlayPlan) -> Played:
    history = sim.run(asked.plan, asked.chain).history
    return Played(numbers=outage_numbers(RunData.of(asked.plan, history), asked.parts))
