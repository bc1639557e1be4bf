"""The panel of a timeline that shows whether the harness's own processes kept up."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from harness import quantities
from harness.judge.measure import measured_health
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.bins import Edges, bins
from harness.report.pictures.style import INK, WRONG

_TITLE = "Did the harness itself keep up? (worst delay inside each of its processes)"
_LEVELS = (
    (0.0, "under 10 ms", 0.06),
    (10e6, "10 – 50 ms", 0.25),
    (50e6, "50 – 250 ms", 0.55),
    (250e6, "over 250 ms", 1.0),
)
"""From which lag on, in nanoseconds; in words; and how strong the colour is. The last one is a stall."""


def height_in(run: JudgedRun) -> float:
    """Return the height that the lanes need."""
    return 0.35 + 0.17 * max(1, measured_health(run.history)["process"].nunique())


def draw(axes: Axes, run: JudgedRun, edges: Edges) -> None:
    """Draw a lane for each process, darker where its event loop was held up for longer."""
    health = measured_health(run.history)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if health.empty:
        style.headline(axes, _TITLE)
        axes.set_yticks([])
        axes.set_ylim(0, 1)
        axes.text(
            0,
            0.5,
            "not measured in simulation",
            transform=axes.get_yaxis_transform(),
            va="center",
            alpha=0.75,
            fontsize=9,
        )
        return
    names = sorted(health["process"].unique())
    for row, name in enumerate(names):
        mine = health[health["process"] == name]
        worst = mine["loop_lag_ns"].groupby(bins(mine["at_ns"], edges)).max()
        level = np.searchsorted([start_ns for start_ns, _, _ in _LEVELS], worst.to_numpy(dtype=float), side="right") - 1
        for step, (_, _, alpha) in enumerate(_LEVELS):
            at = worst.index.to_numpy()[level == step]
            spans = [(edges[i], edges[i + 1] - edges[i]) for i in at]
            axes.broken_barh(spans, (row - 0.4, 0.8), color=_colour(step), alpha=alpha, linewidth=0)
    axes.set_yticks(
        range(len(names)),
        [
            f"{name} ≤ {quantities.duration(float(health.loc[health['process'] == name, 'loop_lag_ns'].max()))}"
            for name in names
        ],
        fontsize=8.5,
    )
    axes.set_ylim(len(names) - 0.4, -0.6)
    handles = [Patch(facecolor=_colour(step), alpha=alpha, label=text) for step, (_, text, alpha) in enumerate(_LEVELS)]
    style.headline(axes, _TITLE, handles)


def _colour(level: int) -> str:
    return WRONG if level == len(_LEVELS) - 1 else INK
