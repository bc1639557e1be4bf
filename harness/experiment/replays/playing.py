"""One way in which an incident may have been, played by a process that simulates."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from harness import sim
from harness.chain import Chain
from harness.incident.cutting import PlayedPart
from harness.incident.numbers import OutageNumbers, outage_numbers
from harness.judge import RunData
from harness.messages import Failed
from harness.scenario import Plan
from harness.sim.warm import answered


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
    return answered(asked.chain, partial(_played, asked))


def _played(asked: PlayPlan) -> Played:
    history = sim.run(asked.plan, asked.chain).history
    return Played(numbers=outage_numbers(RunData.of(asked.plan, history), asked.parts))
