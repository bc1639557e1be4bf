"""Which part of an incident is played.

The rate of requests is never thinned: cooldowns count failures, and quotas and budgets depend on it. Time is cut instead. Between two edges,
where a window begins or ends, a chain settles; once it has, one minute is like the next. So after each edge the time to settle is played,
then a sample, then the time that requests may take to the next edge; the sample stands for what is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedPart:
    """The time between two edges, as it is played. Times in nanoseconds.

    Attributes:
        real_start_ns: When it began, from the incident's start.
        real_ns: How long it really lasted.
        start_ns: When it begins in the run.
        length_ns: How long it is played; as long as it lasted, or less.
        sample_ns: From when to when in the run its sample is, which stands for all that is left out.
    """

    real_start_ns: int
    real_ns: int
    start_ns: int
    length_ns: int
    sample_ns: tuple[int, int]

    @property
    def end_ns(self) -> int:
        """When it ends in the run."""
        return self.start_ns + self.length_ns

    @property
    def left_out_ns(self) -> int:
        """How much of it is not played."""
        return self.real_ns - self.length_ns

    @property
    def weight(self) -> float:
        """How many instants each instant of the sample stands for, itself included."""
        begin, end = self.sample_ns
        return 1 + self.left_out_ns / (end - begin) if self.left_out_ns else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How much of each part is played. Times in nanoseconds.

    Attributes:
        settle: Until a chain has settled after an edge: a few of its cooldowns, and as long as a request may take.
        sample: That stands for what is left out.
        tail: Before the next edge: as long as a request may take.
    """

    settle: int
    sample: int
    tail: int

    @property
    def most(self) -> int:
        """The longest that a part is played."""
        return self.settle + self.sample + self.tail


def played(edges: Iterable[int], cut: Cut, *, begin_ns: int) -> tuple[PlayedPart, ...]:
    """Return the parts of an incident, in order and without gaps.

    Args:
        edges: When a window begins or ends, from the incident's start; the last one is the incident's end.
        cut: How much of each is played.
        begin_ns: When the incident begins in the run.
    """
    parts: list[PlayedPart] = []
    times = sorted(set(edges))
    for real_start, real_end in pairwise(times):
        real = real_end - real_start
        length = min(real, cut.most)
        sample_at = begin_ns + min(cut.settle, length)
        parts.append(
            PlayedPart(
                real_start_ns=real_start,
                real_ns=real,
                start_ns=begin_ns,
                length_ns=length,
                sample_ns=(sample_at, min(sample_at + cut.sample, begin_ns + length)),
            )
        )
        begin_ns += length
    return tuple(parts)


def weights(parts: Sequence[PlayedPart], at_ns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for times of a run how many instants of the incident each stands for; 1 outside of all parts."""
    found = np.ones(len(at_ns))
    for part in parts:
        begin, end = part.sample_ns
        found[(begin <= at_ns) & (at_ns < end)] = part.weight
    return found
