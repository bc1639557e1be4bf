"""The panel of a timeline that shows how long callers waited."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import LogLocator, NullLocator

from harness import quantities
from harness.judge.intervals import quantile
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.bins import Edges, bins
from harness.report.pictures.layout import Panel
from harness.report.pictures.style import INK, WRONG

_SHADES = 5
_LEVELS = 36
_CROSSES_MAX = 150
_FEW_DECADES = 150.0


def draw(panel: Panel, run: JudgedRun, edges: Edges) -> None:
    """Draw the density of latencies, their p95, the failed requests and the deadline, bin by bin."""
    axes, journeys = panel.axes, run.journeys
    seconds = journeys["latency_ns"].to_numpy(dtype=float, na_value=np.nan) / 1e9
    starts = journeys["scheduled_ns"]
    known = np.isfinite(seconds) & (seconds > 0)
    deadline = run.plan.load.deadline / 1e9
    style.shade_faults(axes, run.plan)
    low, high = deadline / 10, deadline * 1.5
    if known.any():
        low = min(low, float(seconds[known].min()) / 1.3)
        high = max(high, float(seconds[known].max()) * 1.2)
        _density(axes, seconds[known], bins(starts[known], edges), edges, np.geomspace(low, high, _LEVELS + 1))
        place = bins(starts[known], edges)
        p95 = np.full(len(edges) - 1, np.nan)
        for bin_ in np.unique(place):
            p95[bin_] = quantile(np.sort(seconds[known][place == bin_]), 0.95)
        axes.stairs(p95, edges, baseline=None, color=INK, linewidth=1.5, zorder=3)
    failed = known & ~journeys["complete"].to_numpy(dtype=bool)
    marked = np.flatnonzero(failed)[:: max(1, int(failed.sum()) // _CROSSES_MAX)]
    axes.plot(starts.to_numpy(dtype=float)[marked] / 1e9, seconds[marked], "x", color=WRONG, markersize=4.5, zorder=5)
    axes.axhline(deadline, color=INK, linewidth=1, linestyle=":")
    axes.annotate(
        f"deadline {quantities.duration(deadline * 1e9)}",
        (0, deadline),
        (4, -3),
        textcoords="offset points",
        va="top",
        fontsize=9,
        bbox=style.PAPER_BOX,
        zorder=6,
    )
    _log_axis(axes, low, high)
    handles: list[Any] = [
        Patch(facecolor=style.PROVIDERS[0], alpha=0.75, label="stronger colour: more requests"),
        Line2D([], [], color=INK, linewidth=1.5, label="p95"),
    ]
    if failed.any():
        handles.append(Line2D([], [], color=WRONG, marker="x", linestyle="", markersize=5, label="failed"))
    panel.title, panel.handles = "How long did callers wait?", handles


def _log_axis(axes: Axes, low: float, high: float) -> None:
    """Make the y axis a logarithmic one of seconds, with a few ticks."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < _FEW_DECADES else (1.0,), numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    style.duration_ticks(axes.yaxis)
    axes.grid(visible=True)


def _density(axes: Axes, seconds: Edges, column: Edges, edges: Edges, levels: Edges) -> None:
    """Draw how many requests fell into each cell, a shade at a time: five shapes instead of a thousand."""
    row = np.clip(np.searchsorted(levels, seconds, side="right") - 1, 0, len(levels) - 2)
    cells = np.zeros((len(edges) - 1, len(levels) - 1), dtype=int)
    np.add.at(cells, (column, row), 1)
    # Shades follow the logarithm of the count: one request must be seen beside a thousand.
    shade = np.ceil(np.log1p(cells) / np.log1p(cells.max()) * _SHADES).astype(int)
    for level in range(1, _SHADES + 1):
        at, up = np.nonzero(shade == level)
        if len(at):
            corners = [(edges[at], levels[up]), (edges[at + 1], levels[up])]
            corners += [(edges[at + 1], levels[up + 1]), (edges[at], levels[up + 1]), (edges[at], levels[up])]
            points = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1).reshape(-1, 2)
            codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(at)
            alpha = 0.16 + 0.84 * (level - 1) / (_SHADES - 1)
            axes.add_patch(
                PathPatch(Path(points, codes), facecolor=style.PROVIDERS[0], alpha=alpha, linewidth=0, zorder=2)
            )
