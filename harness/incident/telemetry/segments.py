"""Times in which one share of calls failed, and those among them that were not quiet.

Calls are counted in bins of as many calls each, so a bin is as precise at night as by day. Of all ways to divide the bins into segments, the
one is taken that explains the failures best (the binomial likelihood, each segment with a share of its own) at a price for each segment,
so that chance makes none (Killick et al. 2012, without its pruning: there are few bins). Each edge is then moved to the call that explains most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.judge.intervals import wilson
from harness.judge.tables.columns import Bools, Floats

BIN_CALLS = 30
"""With fewer a bin tells little."""
_BINS_MAX = 2000
_PRICE = 4.0
"""Of a segment, times the logarithm of how many bins there are: a segment is a share and a place, and bins are many places to be lucky in."""
_QUIET = 0.25
"""So much of the calls is quiet time, at least: those with the smallest share."""
FAILURES_MIN = 5
"""Fewer are no outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedSegment:
    """Calls in which more failed than in quiet time.

    Attributes:
        begin: Place of its first call.
        end: Place after its last one.
        failed: How many of its calls failed.
        quiet: The share that fails in quiet time, from 0 to 1.
    """

    begin: int
    end: int
    failed: int
    quiet: float


def failed_segments(failed: Bools, *, quiet_most: float, excess: float) -> list[FailedSegment]:
    """Return the times in which clearly more calls failed than in quiet time.

    Args:
        failed: Whether each call failed, in the order of time.
        quiet_most: No larger share is quiet, even if all the calls have it.
        excess: So much above the share of quiet time it is, at least.
    """
    edges = _edges(failed)
    found = [(begin, end, int(failed[begin:end].sum())) for begin, end in pairwise(edges)]
    quiet = min(_quiet(found), quiet_most)
    return [
        FailedSegment(begin=begin, end=end, failed=count, quiet=quiet)
        for begin, end, count in found
        if count >= FAILURES_MIN
        and wilson(count, end - begin)[0] > quiet
        and count / (end - begin) > max(2 * quiet, quiet + excess)
    ]


def _quiet(segments: list[tuple[int, int, int]]) -> float:
    """Return the share of the calls that fail least."""
    wanted = _QUIET * segments[-1][1]
    calls = count = 0
    for begin, end, failed in sorted(segments, key=lambda each: each[2] / (each[1] - each[0])):
        calls, count = calls + end - begin, count + failed
        if calls >= wanted:
            break
    return count / calls


def _edges(failed: Bools) -> list[int]:
    """Return where segments begin, and where the last one ends."""
    size = max(BIN_CALLS, math.ceil(len(failed) / _BINS_MAX))
    starts = list(range(0, len(failed), size))
    places = [*(starts if len(failed) % size == 0 or len(starts) == 1 else starts[:-1]), len(failed)]
    at = np.array(places)
    counts = np.concatenate([[0], np.cumsum(failed)])[at]
    edges = [places[bin_] for bin_ in _division(at.astype(float), counts.astype(float))]
    price = _price(len(places))
    return _refined(failed, _needed(failed, _refined(failed, edges, 2 * size), price), 2 * size)


def _division(at: Floats, counts: Floats) -> list[int]:
    """Return the bins at which the best division begins its segments, and the end."""
    price = _price(len(at))
    best, came = np.zeros(len(at)), np.zeros(len(at), dtype=int)
    for end in range(1, len(at)):
        cost = best[:end] + _surprise(counts[end] - counts[:end], at[end] - at[:end]) + price
        came[end] = int(cost.argmin())
        best[end] = cost[came[end]]
    edges = [len(at) - 1]
    while edges[-1]:
        edges.append(int(came[edges[-1]]))
    return edges[::-1]


def _price(places: int) -> float:
    return _PRICE * math.log(max(places - 1, 2))


def _needed(failed: Bools, edges: list[int], price: float) -> list[int]:
    """Return the edges that are worth their price still; a bin with an edge in it was a segment of its own until the edge moved."""
    kept = list(edges)
    while len(kept) > 2:
        at = np.array(kept, dtype=float)
        counts = np.array([0, *np.add.reduceat(failed, kept[:-1], dtype=np.int64).cumsum()], dtype=float)
        parts = _surprise(np.diff(counts), np.diff(at))
        gains = _surprise(counts[2:] - counts[:-2], at[2:] - at[:-2]) - parts[1:] - parts[:-1]
        weakest = int(gains.argmin())
        if gains[weakest] >= price:
            break
        del kept[weakest + 1]
    return kept


def _surprise(failed: Floats, calls: Floats) -> Floats:
    """Return how unlikely failures are at the share that explains them best, as a negative logarithm."""
    fine = calls - failed
    return -(failed * np.log(np.maximum(failed, 1) / calls) + fine * np.log(np.maximum(fine, 1) / calls))


def _refined(failed: Bools, edges: list[int], reach: int) -> list[int]:
    """Return edges at the calls where one share explains more than the other."""
    moved = list(edges)
    for place in range(1, len(edges) - 1):
        begin, edge, end = moved[place - 1], edges[place], edges[place + 1]
        before, after = (_likely(failed[begin:edge]), _likely(failed[edge:end]))
        first, last = max(begin + 1, edge - reach), min(end - 1, edge + reach)
        near = failed[first:last]
        gain: NDArray[np.float64] = np.where(near, before[1] - after[1], before[0] - after[0])
        moved[place] = first + int(np.concatenate([[0.0], gain.cumsum()]).argmax())
    return moved


def _likely(failed: Bools) -> tuple[float, float]:
    """Return the logarithms of the shares that did not fail and that failed, neither of them zero."""
    share = (failed.sum() + 0.5) / (len(failed) + 1)
    return math.log(1 - share), math.log(share)
