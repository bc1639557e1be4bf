"""Time in bins, none of which holds both sides of a phase's or a fault's edge."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from harness.scenario import Plan

Edges = np.ndarray[Any, Any]

BINS_MAX = 80
"""Without the bins that the edges of phases and faults add."""
BINS_MIN = 12
_EVENTS_PER_BIN = 8
PIXELS = 700
"""Of a timeline, as wide as a page shows it."""
_STEPS_S = (0.05, 0.1, 0.2, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


def bin_edges_s(plan: Plan, end_s: float, events: int, *, cut_short_s: float | None = None) -> Edges:
    """Return the edges of the bins from 0 to `end_s`, in seconds.

    Bins are of about one length, a step that people count in. Each ends where a phase or a fault begins or ends: a bin
    across such an edge would mix what was broken with what was not.

    Args:
        plan: Its phases and faults.
        end_s: The end of the last bin.
        events: How many events there are to count; a bin should hold about eight.
        cut_short_s: When the run was interrupted; None if it was not.
    """
    wanted = min(BINS_MAX, max(BINS_MIN, events // _EVENTS_PER_BIN))
    step_s = next((step for step in _STEPS_S if end_s / step <= wanted), end_s / BINS_MAX)
    cuts = _cuts_s(plan, end_s)
    if cut_short_s is not None and 0 < cut_short_s < end_s:
        cuts = sorted({*cuts, cut_short_s})
    parts = [
        np.linspace(start, stop, max(1, round((stop - start) / step_s)), endpoint=False)
        for start, stop in pairwise(cuts)
    ]
    return np.concatenate([*parts, [end_s]])


def _cuts_s(plan: Plan, end_s: float) -> list[float]:
    """Return 0, the edges of phases, of faults and of the plan, and the end.

    An edge less than a pixel from another is left out: a bin between them could not be seen.
    """
    cuts = {0.0, end_s, *(phase.start_ns / 1e9 for phase in plan.phases)}
    edges_ns = {plan.end_ns, *(edge for window in plan.timeline.windows for edge in (window.start_ns, window.end_ns))}
    for edge_s in sorted(edge / 1e9 for edge in edges_ns):
        if 0 < edge_s < end_s and min(abs(edge_s - cut) for cut in cuts) >= end_s / PIXELS:
            cuts.add(edge_s)
    return sorted(cut for cut in cuts if cut <= end_s)


def bins(at_ns: pd.Series[Any], edges_s: Edges) -> Edges:
    """Return the bin of each moment; one at an edge belongs to the bin that begins there."""
    place = np.searchsorted(edges_s, at_ns.to_numpy(dtype=float) / 1e9, side="right") - 1
    return np.asarray(np.clip(place, 0, len(edges_s) - 2))


def counts(at_ns: pd.Series[Any], edges_s: Edges) -> Edges:
    """Return how many moments each bin holds."""
    return np.bincount(bins(at_ns, edges_s), minlength=len(edges_s) - 1)


def ratio(part: Edges, whole: Edges) -> Edges:
    """Return each bin's share; NaN where the bin is empty."""
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))
