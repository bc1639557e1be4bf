"""The whole run at a glance: what broke, who noticed, how long it took, who served, at what price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness import quantities
from harness.judge import RUN
from harness.judge.intervals import wilson
from harness.report.judged_run import JudgedRun
from harness.report.pictures import (
    amplification_panel,
    fault_lane,
    lag_panel,
    latency_panel,
    layout,
    served_panel,
    style,
)
from harness.report.pictures.bins import Edges, bin_edges_s, counts, ratio
from harness.report.pictures.layout import Panel
from harness.report.pictures.picture import OVERVIEW, Picture
from harness.report.pictures.style import INK


def _nothing(run: JudgedRun) -> str:
    return "No request was recorded in this run." if run.requests.empty else ""


def _draw(run: JudgedRun) -> Figure:
    requests, attempts = run.requests, run.attempts
    end_s = max(run.plan.end_ns, int(attempts["start_ns"].max()) if len(attempts) else 0) / 1e9
    cut_short_s = None if run.cut_short_ns is None else run.cut_short_ns / 1e9
    edges = bin_edges_s(run.plan, end_s, len(requests), cut_short_s=cut_short_s)
    lanes = served_panel.Lanes.of(run)
    heights_in = [fault_lane.height_in(run.plan), 0.95, 1.7, 1.1, lanes.height_in, 1.15, lag_panel.height_in(run)]
    panels = layout.panels(heights_in, names=[*lanes.names, *lag_panel.names(run)])
    panels[0].axes.set_xlim(0, end_s)
    fault_lane.draw(panels[0], run)
    _success(panels[1], run, edges)
    latency_panel.draw(panels[2], run, edges)
    served_panel.draw(panels[3], run, edges)
    lanes.draw(panels[4], run, edges)
    amplification_panel.draw(panels[5], run, edges)
    lag_panel.draw(panels[6], run, edges)
    if cut_short_s is not None:
        _cut_short([panel.axes for panel in panels], cut_short_s, end_s)
    style.seconds_axis(panels[-1].axes, "seconds since the run began")
    return layout.placed(panels)


def _cut_short(panels: Sequence[Axes], last_s: float, end_s: float) -> None:
    """Cover the time after an interruption, so that it is not taken for a time in which nothing worked."""
    for axes in panels:
        axes.axvspan(last_s, end_s, facecolor=style.PAPER, edgecolor="none", alpha=0.85, zorder=6)
        axes.axvline(last_s, color=INK, linewidth=1.2, zorder=7)
    right = last_s > end_s / 2
    text = "the run was cut short here"
    panels[1].annotate(
        text,
        (last_s, 0.5),
        (-5 if right else 5, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="center",
        fontsize=9,
        zorder=8,
        bbox=style.PAPER_BOX,
    )


def _wilson(part: Edges, whole: Edges) -> tuple[Edges, Edges]:
    """Return the ends of the interval of each bin's share; NaN where the bin is empty."""
    ends = [
        wilson(int(hits), int(samples)) if samples else (np.nan, np.nan)
        for hits, samples in zip(part, whole, strict=True)
    ]
    return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def _success(panel: Panel, run: JudgedRun, edges: Edges) -> None:
    axes, requests, attempts = panel.axes, run.requests, run.attempts
    whole = counts(requests["scheduled_ns"], edges)
    part = counts(requests.loc[requests["complete"], "scheduled_ns"], edges)
    low, high = _wilson(part, whole)
    tried = counts(attempts["start_ns"], edges)
    worked = counts(attempts.loc[attempts["outcome"] == "ok", "start_ns"], edges)
    style.shade_faults(axes, run.plan)
    axes.stairs(high, edges, baseline=low, fill=True, color=style.PROVIDERS[0], alpha=0.22, linewidth=0)
    axes.stairs(ratio(worked, tried), edges, baseline=None, color=INK, alpha=0.5, linewidth=1.2)
    axes.stairs(ratio(part, whole), edges, baseline=None, color=style.PROVIDERS[0], linewidth=2.2)
    limits = _limits(axes, run)
    axes.set_ylim(-0.04, 1.06)
    axes.set_yticks([0, 0.5, 1])
    style.percent_ticks(axes.yaxis)
    axes.grid(visible=True)
    panel.title = "Did it work?"
    panel.handles = [
        Line2D([], [], color=style.PROVIDERS[0], linewidth=2.2, label="callers' requests"),
        Patch(facecolor=style.PROVIDERS[0], alpha=0.22, label="95 % interval"),
        Line2D([], [], color=INK, alpha=0.5, linewidth=1.2, label="attempts at providers"),
        *limits,
    ]


def _limits(axes: Axes, run: JudgedRun) -> list[Line2D]:
    """Draw the limit that the scenario sets for each phase's success rate; return its legend, empty where there is none."""
    spans = {phase.name: (phase.start_ns / 1e9, phase.end_ns / 1e9) for phase in run.plan.phases}
    found = False
    look: dict[str, Any] = {"color": INK, "linewidth": 1.4, "linestyle": (0, (2, 1.5))}
    for line in run.plan.expectations:
        if line.metric == "success_rate" and line.target:
            start, end = spans.get(line.phase or "", (0.0, run.plan.end_ns / 1e9))
            axes.plot([start, end], [line.target] * 2, zorder=3, **look)
            found = True
    return [Line2D([], [], label="limit", **look)] if found else []


def _alt(run: JudgedRun) -> str:
    requests = run.requests
    done = int(requests["complete"].sum())
    peak = run.metrics.phases.get(RUN, {}).get("amplification_peak")
    parts = [
        f"Timeline of {quantities.plural(len(requests), 'request')} over {quantities.duration(run.plan.end_ns)}:",
        f"{fault_lane.in_words(run.plan)};",
        f"{quantities.count(done)} of {quantities.count(len(requests))} requests got a complete answer",
    ]
    if peak is not None and peak.value is not None:
        parts.append(
            f"and providers got {quantities.amount(peak.value, 'ratio')} the planned calls in the busiest second"
        )
    if not run.blind:
        parts[-1] += f", with {quantities.plural(len(run.fallbacks), 'fallback')} to another provider"
    if run.cut_short_ns is not None:
        return f"{' '.join(parts)}; the run was cut short after {quantities.duration(run.cut_short_ns)}."
    return " ".join(parts) + "."


TIMELINE = Picture(
    name="timeline",
    question="What happened?",
    reading=(
        "Time runs from left to right, shaded while a fault was active; in a good run attempts at providers (grey) fail there "
        "while callers' requests (blue) stay at the top."
    ),
    position=10,
    places=(OVERVIEW,),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
