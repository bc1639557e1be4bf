"""The panel of a timeline that shows whether the harness's own processes kept up."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from harness import quantities
from harness.judge.measure import measured_health
from harness.report.judged_run import JudgedRun
from harness.report.pictures.bins import Edges, bins
from harness.report.pictures.layout import NAME_PT, Panel
from harness.report.pictures.letters import fitted
from harness.report.pictures.style import INK, WRONG, hover

_LEVELS = (
    (0.0, "under 10 ms", 0.06),
    (10e6, "10 – 50 ms", 0.25),
    (50e6, "50 – 250 ms", 0.55),
    (250e6, "over 250 ms", 1.0),
)
"""From which lag on, in nanoseconds; in words; and how strong the colour is. The last one is a stall."""


def names(run: JudgedRun) -> list[str]:
    """Return the processes that have a lane."""
    return sorted(measured_health(run.history)["process"].unique())


def height_in(run: JudgedRun) -> float:
    """Return the height that the lanes need."""
    return 0.1 + 0.17 * max(1, len(names(run)))


def draw(panel: Panel, run: JudgedRun, edges: Edges) -> None:
    """Draw a lane for each process, darker where its event loop was held up for longer."""
    axes, health = panel.axes, measured_health(run.history)
    panel.title = "Did the harness keep up?"
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if health.empty:
        axes.set_yticks([])
        axes.set_ylim(0, 1)
        text = "not measured in simulation"
        axes.text(0, 0.5, text, transform=axes.get_yaxis_transform(), va="center", alpha=0.75, fontsize=9)
        return
    lanes = names(run)
    for row, name in enumerate(lanes):
        _lane(panel, row, name, health[health["process"] == name], edges)
    axes.set_yticks(range(len(lanes)), [fitted(name, NAME_PT) for name in lanes])
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    longest = health.loc[health["loop_lag_ns"].idxmax()]
    panel.title += f" (longest delay: {quantities.duration(float(longest['loop_lag_ns']))}, {longest['process']})"
    panel.handles = [
        Patch(facecolor=_colour(step), alpha=alpha, label=text) for step, (_, text, alpha) in enumerate(_LEVELS)
    ]


def _lane(panel: Panel, row: int, name: str, mine: pd.DataFrame, edges: Edges) -> None:
    worst = mine["loop_lag_ns"].groupby(bins(mine["at_ns"], edges)).max()
    level = np.searchsorted([start_ns for start_ns, _, _ in _LEVELS], worst.to_numpy(dtype=float), side="right") - 1
    for step, (_, text, alpha) in enumerate(_LEVELS):
        at = worst.index.to_numpy()[level == step]
        if len(at):
            spans = [(edges[i], edges[i + 1] - edges[i]) for i in at]
            lane = panel.axes.broken_barh(spans, (row - 0.4, 0.8), color=_colour(step), alpha=alpha, linewidth=0)
            hover(lane, f"{name}: held up for {text}; at most {quantities.duration(float(mine['loop_lag_ns'].max()))}")


def _colour(level: int) -> str:
    return WRONG if level == len(_LEVELS) - 1 else INK
