"""The panel of a timeline that shows how many attempts providers got for each request that was planned."""

from __future__ import annotations

import numpy as np

from harness import quantities
from harness.judge.metrics.amplification import busiest
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.bins import Edges, counts
from harness.report.pictures.layout import Panel
from harness.report.pictures.style import INK, hover
from harness.scenario.arrivals import expected

_LEAST = 2.0
"""The axis reaches at least so far: a ratio of 1.0 everywhere is a flat line below its middle."""


def draw(panel: Panel, run: JudgedRun, edges: Edges) -> None:
    """Draw the attempts at each provider per planned request, those that failed hatched, and the busiest second."""
    axes, attempts = panel.axes, run.attempts
    asked = np.diff([expected(run.plan.load, edge_s * 1e9) for edge_s in edges])
    # In a bin too short for a request one attempt is no storm.
    asked = np.maximum(asked, 1)
    bottom = np.zeros(len(edges) - 1)
    style.shade_faults(axes, run.plan)
    for name, look in style.looks(run.plan).items():
        mine = attempts[attempts["provider"] == name]
        failed_look = {**style.failed_look(look["facecolor"]), "linewidth": 0}
        good = mine["outcome"] == "ok"
        for rows, shown, what in ((mine[good], look, "answered"), (mine[~good], failed_look, "failed")):
            if rows.empty:
                continue
            top = bottom + counts(rows["start_ns"], edges) / asked
            area = axes.stairs(top, edges, baseline=bottom, fill=True, **shown)
            hover(area, f"{name}: {quantities.plural(len(rows), 'attempt')} {what}")
            bottom = top
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    high = max(_LEAST, float(bottom.max()) * 1.2)
    if len(attempts) and run.plan.load.peak_rate >= 1:
        began_ns, peak = busiest(run.plan.load, np.sort(attempts["start_ns"].to_numpy(dtype=float)))
        at_s = began_ns / 1e9 + 0.5
        high = max(high, peak * 1.2)
        axes.plot([at_s], [peak], marker="v", color=INK, markersize=6, zorder=5)
        right = at_s > edges[-1] * 0.7
        axes.annotate(
            f"busiest second {quantities.amount(peak, 'ratio')}",
            (at_s, peak),
            (-8 if right else 8, 2),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=9,
            zorder=9,
        )
    axes.set_ylim(0, high)
    axes.yaxis.set_major_formatter(lambda value, _: quantities.amount(value, "ratio"))
    axes.grid(visible=True, axis="y")
    panel.title = "What did providers get? (attempts per request)"
    if run.blind:
        panel.title = "What did providers get? (without refused connections)"
    panel.handles = [style.swatch(style.UNKNOWN, "answered"), style.swatch(style.UNKNOWN, "failed", failed=True)]
