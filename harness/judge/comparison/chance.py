"""One exact test of whether chance explains the changes of a cell: all its numbers and checks at once, the run as the unit.

If nothing changed, each pair's earlier and later run might as well be swapped. So every way of swapping pairs is played
through (a sign-flip permutation test; for a check it is McNemar's exact test), whole runs at a time, and in each the
largest of all columns is kept (Westfall and Young, Resampling-Based Multiple Testing, 1993): a column is told from chance
only if hardly any swapping makes *any* column look as bad. That needs no correction for the number of columns, however they
depend on each other, and assumes nothing of how numbers are distributed.
"""

from __future__ import annotations

import math

import numpy as np

from harness.judge.tables.columns import Floats

ALARM = 0.05
"""The share of comparisons that may find something worse where nothing changed. The cells share it equally."""
_EXACT_MAX = 13
"""Up to so many pairs, all ways of swapping them are tried; with more pairs as many random ways, the same ones every time."""
_ROUNDING = 1e-9


def pairs_needed(cells: int) -> int:
    """Return how many pairs of runs a cell needs: with fewer, even a change that all of them show may be chance.

    Args:
        cells: How many cells are compared at once.
    """
    return math.ceil(math.log2(max(cells, 1) / ALARM))


def chances(before: Floats, after: Floats, *, share: Floats, floor: Floats) -> Floats:
    """Return for each column how likely chance alone makes any of them rise as much as it did.

    Args:
        before: Earlier numbers, a row for each column and a number for each pair; NaN where there is none.
        after: The later ones.
        share: For each column, the share of the earlier mean that a rise must exceed to count.
        floor: For each column, what it must exceed at least, in the column's unit.
    """
    differences = after - before
    known = ~np.isnan(differences)
    differences = np.where(known, differences, 0.0)
    runs = known.sum(axis=1)
    middle = np.where(known, (before + after) / 2, 0.0).sum(axis=1) / np.maximum(runs, 1)
    # Swapping does not change the spread, so dividing by it makes columns of different units comparable.
    spread = np.sqrt((differences**2).sum(axis=1))
    totals = _swaps(differences.shape[1]) @ differences.T
    moved = totals / np.maximum(runs, 1)
    least = np.maximum(share * np.abs(middle - moved / 2), floor)
    scores = np.where((moved > least) & (spread > 0), totals / np.where(spread > 0, spread, 1.0), 0.0)
    seen, largest = scores[0], scores.max(axis=1, initial=0.0)
    found = (largest[:, None] >= seen * (1 - _ROUNDING)).mean(axis=0)
    return np.where(seen > 0, found, 1.0)


def _swaps(pairs: int) -> Floats:
    """Return ways of swapping pairs, a row each: -1 where a pair is swapped. The first swaps none."""
    if pairs <= _EXACT_MAX:
        bits = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1
    else:
        bits = np.random.default_rng(0).integers(2, size=(2**_EXACT_MAX, pairs))
        bits[0] = 0
    return np.asarray(1 - 2 * bits, dtype=np.float64)
