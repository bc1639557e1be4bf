"""When the machine, or a part of the harness, was stalled, and how much of an observed time that explains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness.quantities import duration

if TYPE_CHECKING:
    import pandas as pd

    from harness.judge.tables.columns import Floats

STALL_NS = 250_000_000
"""A process whose event loop woke up later than this stalled, and so did a Toxiproxy whose API was silent for longer."""
HEALTH_EVERY_NS = 100_000_000
"""How often a process writes a health record. The stall began at any time since the record before."""
TOXIPROXY = "toxiproxy"
"""It has no event loop of ours: its records hold how long its API was silent."""
_CHAIN = "chain"
"""The chain's host; further workers of it are called `chain-2`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """A time in which a process was stalled.

    Attributes:
        process: Its name in the health records.
        from_ns: When it began at the earliest.
        to_ns: When it was over at the latest.
        length_ns: How long it lasted.
    """

    process: str
    from_ns: float
    to_ns: float
    length_ns: float

    def __str__(self) -> str:
        return f"the {self.process} process stalled for {duration(self.length_ns)}"


def stalls(health: pd.DataFrame) -> tuple[Stall, ...]:
    """Return the stalls of a run, in order.

    The chain's host counts only if its CPU time did not grow meanwhile: if it computed, that was the chain's own work.

    Args:
        health: Its health records.
    """
    found = []
    for process, rows in health.sort_values("at_ns", kind="stable").groupby("process"):
        at_ns, lag_ns = (rows[name].to_numpy(np.float64) for name in ("at_ns", "loop_lag_ns"))
        still = lag_ns > STALL_NS
        name = str(process)
        if is_chain(name):
            spent_ns = np.diff(rows["cpu_ns"].to_numpy(np.float64), prepend=np.inf)
            # Between the last record and the stall it may have computed for as long as records are apart.
            still &= (spent_ns >= 0) & (spent_ns <= HEALTH_EVERY_NS)
        found += [
            Stall(process=name, from_ns=at - lag - HEALTH_EVERY_NS, to_ns=at, length_ns=lag)
            for at, lag in zip(at_ns[still], lag_ns[still], strict=True)
        ]
    return tuple(sorted(found, key=lambda stall: (stall.from_ns, stall.process)))


def is_chain(process: str) -> bool:
    """Return whether a process in the health records hosts the chain."""
    return process == _CHAIN or process.startswith(f"{_CHAIN}-")


def overlap_ns(found: Sequence[Stall], from_ns: Floats, to_ns: Floats) -> Floats:
    """Return how much of each stretch of time lies in stalls; where several processes stalled at once it counts once."""
    starts, ends = _merged(found)
    before = np.concatenate([[0.0], np.cumsum(ends - starts)])

    def until(at_ns: Floats) -> Floats:
        place = np.searchsorted(starts, at_ns, "right")
        inside = np.minimum(at_ns, np.append(ends, 0.0)[place - 1]) - np.append(starts, 0.0)[place - 1]
        return np.where(place > 0, before[place - 1] + inside, 0.0)

    covered: Floats = np.maximum(until(to_ns) - until(from_ns), 0.0)
    return covered


def _merged(found: Sequence[Stall]) -> tuple[Floats, Floats]:
    merged: list[tuple[float, float]] = []
    for stall in sorted(found, key=lambda each: each.from_ns):
        if merged and stall.from_ns <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], stall.to_ns)
        else:
            merged.append((stall.from_ns, stall.to_ns))
    starts, ends = np.array(merged, dtype=np.float64).reshape(-1, 2).T
    return starts, ends
