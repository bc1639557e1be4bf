"""How far a worker's clock is from the master's.

The master asks for the time and holds the answer against the middle of the round trip. The answer was given at some
moment of the trip, so the estimate is off by at most half of it: the shortest trip gives the best estimate. (This is how NTP
chooses among its samples; a median of all would include trips that were held up on one way only.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class RoundTrip(NamedTuple):
    """One question for the time, in monotonic nanoseconds: by the master's clock, but for `answered_ns`."""

    asked_ns: int
    answered_ns: int
    back_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockEstimate:
    """How far a clock is ahead of another, in nanoseconds.

    Attributes:
        offset_ns: The estimate.
        bound_ns: How far it is off at most.
    """

    offset_ns: int
    bound_ns: int


SAME = ClockEstimate(offset_ns=0, bound_ns=0)
"""Processes on one machine share its monotonic clock: there is nothing to estimate."""


def estimate(trips: Iterable[RoundTrip]) -> ClockEstimate:
    """Return the estimate of the shortest of some round trips; there must be one."""
    best = min(trips, key=lambda trip: trip.back_ns - trip.asked_ns)
    length_ns = best.back_ns - best.asked_ns
    return ClockEstimate(offset_ns=best.answered_ns - best.asked_ns - length_ns // 2, bound_ns=(length_ns + 1) // 2)


def clock_name() -> str | None:
    """Return a name that two processes share only if their monotonic clocks are one: that of the machine's boot.

    Containers of one machine share it too, unless they have a time namespace of their own. None where the system does not say.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/time').readlink()}"
    except OSError:
        return None
