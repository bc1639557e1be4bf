"""What incidents cost a chain, in the four ways by which settings are compared; and which of several are best."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from harness.incident.numbers import OutageNumbers
from harness.incident.objective import Objective

K = TypeVar("K")

SLIGHT = 0.02
"""Less than this share of what there is now is no difference."""
DEARER_MOST = 1.05
"""How much dearer an answer may become by what is suggested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What some incidents cost a chain.

    Attributes:
        unserved_ns: For how long callers went unserved, in nanoseconds.
        noise_ns: How far that may be off, as it rests on samples (95 %).
        wait_ns: How much longer an answer took than before the incidents, on average, in nanoseconds; None without an answer.
        cost_usd: What an answer cost on average; None where a price is not known, or without an answer.
        attempts: At providers while they were hit.
        requests: How many callers made.
    """

    unserved_ns: float
    noise_ns: float
    wait_ns: float | None
    cost_usd: float | None
    attempts: float
    requests: float

    def of(self, objective: Objective) -> float:
        """Return one of the four; infinite where there is none."""
        value = (self.unserved_ns, self.wait_ns, self.cost_usd, self.attempts)[list(Objective).index(objective)]
        return math.inf if value is None else value

    @property
    def all(self) -> tuple[float, ...]:
        """The four."""
        return tuple(self.of(objective) for objective in Objective)


def toll(found: Sequence[OutageNumbers]) -> Toll:
    """Return what some incidents cost together, each played in one way."""
    answered = [max(each.requests - each.lost.value, 0.0) for each in found]
    late = [(each.late_ns, count) for each, count in zip(found, answered, strict=True) if each.late_ns is not None]
    served = sum(count for _, count in late)
    spent = [each.spent_usd for each in found if each.spent_usd is not None]
    spread = math.fsum(((each.unserved_ns.high - each.unserved_ns.low) / 2) ** 2 for each in found)
    return Toll(
        unserved_ns=math.fsum(each.unserved_ns.value for each in found),
        noise_ns=math.sqrt(spread),
        wait_ns=math.fsum(ns * count for ns, count in late) / served if served else None,
        cost_usd=math.fsum(spent) / sum(answered) if sum(answered) and len(spent) == len(found) else None,
        attempts=math.fsum(each.attempts for each in found),
        requests=math.fsum(each.requests for each in found),
    )


def front(tolls: Mapping[K, Toll]) -> list[K]:
    """Return those that no other one beats: is nowhere worse than, and somewhere better. Of equals, the first."""
    found: list[K] = []
    for key, mine in tolls.items():
        others = [(other, its.all) for other, its in tolls.items() if other != key]
        if not any(
            all(a <= b for a, b in zip(its, mine.all, strict=True)) and (its != mine.all or other in found)
            for other, its in others
        ):
            found.append(key)
    return found


def better(new: Toll, old: Toll, objective: Objective) -> bool:
    """Return whether a toll is clearly smaller, and an answer not much dearer, nor callers served clearly worse."""
    return gains(new, old, objective) and not dearer(new, old)


def gains(new: Toll, old: Toll, objective: Objective) -> bool:
    """Return whether a toll is clearly smaller, and callers are not served clearly worse."""
    before, after = old.of(objective), new.of(objective)
    if math.isinf(before):  # no answer at all, or no price
        return objective is Objective.WAIT and not math.isinf(after)
    if not before - after > SLIGHT * abs(before):
        return False
    worse = new.unserved_ns - old.unserved_ns > SLIGHT * old.unserved_ns
    return objective is Objective.UNSERVED or not worse


def beyond_noise(new: Toll, old: Toll) -> bool:
    """Return whether callers go unserved for less, by more than what both samples leave open (95 %)."""
    return old.unserved_ns - new.unserved_ns > math.hypot(old.noise_ns, new.noise_ns)


def dearer(new: Toll, old: Toll) -> bool:
    """Return whether an answer costs more than a suggestion may make it; where its cost is not known any more, it may."""
    return old.cost_usd is not None and (new.cost_usd is None or new.cost_usd > old.cost_usd * DEARER_MOST)
