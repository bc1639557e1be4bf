"""When requests come: at a rate, or at a rate that changes in steps and ramps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from harness.draw import draw
from harness.scenario.schema import Load, RateStep


class Segment(NamedTuple):
    """A time in which the rate is constant, or grows or falls evenly.

    Attributes:
        start_ns: From the run's start.
        end_ns: Infinite for the last one.
        first: Requests per second at its start.
        last: Those at its end.
        before: Requests expected before it.
    """

    start_ns: float
    end_ns: float
    first: float
    last: float
    before: float

    def within(self, at_ns: float) -> float:
        """Return how many requests are expected from its start to a time in it."""
        since_s = (at_ns - self.start_ns) / 1e9
        if self.first == self.last:
            return since_s * self.first
        return since_s * (self.first + (self.last - self.first) * since_s * 1e9 / (self.end_ns - self.start_ns) / 2)

    def when_ns(self, requests: float) -> float:
        """Return how long after its start so many requests are expected, in nanoseconds; beyond its end where there are fewer."""
        if self.first == self.last:
            return requests * (1e9 / self.first)
        slope = (self.last - self.first) / (self.end_ns - self.start_ns) * 1e9
        square = self.first * self.first + 2 * slope * requests
        if square < 0:
            return math.inf
        return 2 * requests / (self.first + math.sqrt(square)) * 1e9 if requests > 0 else 0.0


@lru_cache(maxsize=64)
def segments(steps: tuple[RateStep, ...]) -> tuple[Segment, ...]:
    """Return a load's rates in order. The last rate of a shape holds to the end of the run."""
    found: list[Segment] = []
    at_ns, rate, before = 0.0, 0.0, 0.0
    *earlier, last = steps
    for step, is_last in (*((each, False) for each in earlier), (last, True)):
        length = math.inf if is_last and step.over is None else float(step.over or step.for_ or 0)
        first = rate if step.over is not None else step.rate
        found.append(Segment(at_ns, at_ns + length, first, step.rate, before))
        rate = step.rate
        if length < math.inf:
            at_ns += length
            before += found[-1].within(at_ns)
    if found[-1].end_ns < math.inf:
        found.append(Segment(at_ns, math.inf, rate, rate, before))
    return tuple(found)


def expected(load: Load, at_ns: float) -> float:
    """Return how many requests are expected from the run's start to a time; the turns of a conversation count as one moment's."""
    segment = next(each for each in segments(load.steps) if at_ns < each.end_ns)
    return (segment.before + segment.within(at_ns)) * load.turns


def planned(load: Load, from_ns: float, until_ns: float) -> float:
    """Return how many requests are expected between two times."""
    return expected(load, until_ns) - expected(load, from_ns)


def times_ns(load: Load, end_ns: int, seed: int) -> Iterator[int]:
    """Yield when each arrival comes, before the run's end, in order.

    Args:
        load: What callers do.
        end_ns: Of the run.
        seed: Fixes what is drawn.
    """
    for at_ns in _evenly(load) if load.arrivals == "constant" else _at_random(load, seed):
        if at_ns >= end_ns:
            return
        yield int(at_ns)


def _evenly(load: Load) -> Iterator[float]:
    """Yield the times at which 0, 1, 2, … requests are expected before."""
    parts = segments(load.steps)
    place = 0
    for part, after in zip(parts, (*(each.before for each in parts[1:]), math.inf), strict=True):
        while place < after:
            yield part.start_ns + part.when_ns(place - part.before)
            place += 1


def _at_random(load: Load, seed: int) -> Iterator[float]:
    """Yield the times of a Poisson process: gaps are exponential, measured in expected requests."""
    gaps = (-math.log1p(-draw(seed, "arrival", place)) for place in itertools.count())
    gap = next(gaps)
    for part in segments(load.steps):
        at_ns = part.start_ns
        while True:
            if part.first == part.last:
                next_ns = at_ns + gap * (1e9 / part.first)
            else:
                next_ns = part.start_ns + part.when_ns(part.within(at_ns) + gap)
            if next_ns >= part.end_ns:
                gap -= part.within(part.end_ns) - part.within(at_ns)
                break
            at_ns = next_ns
            yield at_ns
            gap = next(gaps)
