"""The whole run at a glance: what broke, who noticed, how long it took, who served, at what price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness import quantities
from harness.judge import RUN
from harness.judge.intervals import wilson
from harness.judge.metrics.amplification import busiest
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import fault_lane, lag_panel, latency_panel, style
from harness.report.pictures.bins import Edges, bin_edges_s, counts, ratio
from harness.report.pictures.picture import OVERVIEW, Picture
from harness.report.pictures.style import INK, WRONG
from harness.scenario.arrivals import expected


def _nothing(run: JudgedRun) -> str:
    return "No request was recorded in this run." if run.requests.empty else ""


def _draw(run: JudgedRun) -> Figure:
    requests, attempts = run.requests, run.attempts
    end_s = max(run.plan.end_ns, int(attempts["start_ns"].max()) if len(attempts) else 0) / 1e9
    cut_short_s = None if run.cut_short_ns is None else run.cut_short_ns / 1e9
    edges = bin_edges_s(run.plan, end_s, len(requests), cut_short_s=cut_short_s)
    heights = [fault_lane.height_in(run.plan), 1.25, 2.3, 1.5, 1.5, lag_panel.height_in(run)]
    figure = style.canvas(sum(heights) + 2.2)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    panels[0].set_xlim(0, end_s)
    fault_lane.draw(panels[0], run)
    _success(panels[1], run, attempts, edges)
    latency_panel.draw(panels[2], run, edges)
    _served(panels[3], run, edges)
    _amplification(panels[4], run, attempts, edges)
    lag_panel.draw(panels[5], run, edges)
    if cut_short_s is not None:
        _cut_short(panels, cut_short_s, end_s)
    style.seconds_axis(panels[-1], "seconds since the run began")
    figure.align_ylabels(panels)
    return figure


def _cut_short(panels: Sequence[Axes], last_s: float, end_s: float) -> None:
    """Cover the time after an interruption, so that it is not taken for a time in which nothing worked."""
    for axes in panels:
        axes.axvspan(last_s, end_s, facecolor=style.PAPER, edgecolor="none", alpha=0.85, zorder=6)
        axes.axvline(last_s, color=INK, linewidth=1.2, zorder=7)
    panels[1].text(last_s, 0.5, " the run was cut short here", va="center", fontsize=9, zorder=8)


def _wilson(part: Edges, whole: Edges) -> tuple[Edges, Edges]:
    """Return the ends of the interval of each bin's share; NaN where the bin is empty."""
    ends = [
        wilson(int(hits), int(samples)) if samples else (np.nan, np.nan)
        for hits, samples in zip(part, whole, strict=True)
    ]
    return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def _success(axes: Axes, run: JudgedRun, attempts: pd.DataFrame, edges: Edges) -> None:
    requests = run.requests
    whole = counts(requests["scheduled_ns"], edges)
    part = counts(requests.loc[requests["complete"], "scheduled_ns"], edges)
    low, high = _wilson(part, whole)
    tried = counts(attempts["start_ns"], edges)
    worked = counts(attempts.loc[attempts["outcome"] == "ok", "start_ns"], edges)
    style.shade_faults(axes, run.plan)
    axes.stairs(high, edges, baseline=low, fill=True, color=style.PROVIDERS[0], alpha=0.22, linewidth=0)
    axes.stairs(ratio(worked, tried), edges, baseline=None, color=INK, alpha=0.5, linewidth=1.2)
    axes.stairs(ratio(part, whole), edges, baseline=None, color=style.PROVIDERS[0], linewidth=2.2)
    axes.set_ylim(-0.04, 1.06)
    axes.set_yticks([0, 0.5, 1])
    style.percent_ticks(axes.yaxis)
    axes.grid(visible=True)
    style.headline(
        axes,
        "Did it work?",
        [
            Line2D([], [], color=style.PROVIDERS[0], linewidth=2.2, label="callers' requests"),
            Patch(facecolor=style.PROVIDERS[0], alpha=0.22, label="95 % interval"),
            Line2D([], [], color=INK, alpha=0.5, linewidth=1.2, label="attempts at providers"),
        ],
    )


def _served(axes: Axes, run: JudgedRun, edges: Edges) -> None:
    requests = run.requests
    whole = counts(requests["scheduled_ns"], edges)
    complete = requests["complete"].to_numpy(dtype=bool)
    bottom = np.zeros(len(edges) - 1)
    handles: list[Any] = []
    served_by = requests["served_by"].fillna("")
    called = set(run.attempts["provider"].unique())
    for name, colour in style.colours(run.plan).items():
        mine = complete & (served_by == name).to_numpy(dtype=bool)
        if name in called:
            handles.append(style.swatch(colour, words.shortened(name)))
        if not mine.any():
            continue
        top = bottom + np.nan_to_num(ratio(counts(requests.loc[mine, "scheduled_ns"], edges), whole))
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top
    failed = ~complete
    if failed.any():
        top = bottom + np.nan_to_num(ratio(counts(requests.loc[failed, "scheduled_ns"], edges), whole))
        axes.stairs(top, edges, baseline=bottom, fill=True, linewidth=0, **style.failed_look(WRONG))
        handles.append(style.nobody())
    style.shade_faults(axes, run.plan, behind=False)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    style.percent_ticks(axes.yaxis)
    style.headline(axes, "Who served?", handles)


def _amplification(axes: Axes, run: JudgedRun, attempts: pd.DataFrame, edges: Edges) -> None:
    asked = np.diff([expected(run.plan.load, edge_s * 1e9) for edge_s in edges])
    bottom = np.zeros(len(edges) - 1)
    style.shade_faults(axes, run.plan)
    for name, colour in style.colours(run.plan).items():
        mine = attempts[attempts["provider"] == name]
        for rows, failed in ((mine[mine["outcome"] == "ok"], False), (mine[mine["outcome"] != "ok"], True)):
            if rows.empty:
                continue
            top = bottom + counts(rows["start_ns"], edges) / asked
            look: dict[str, Any] = {"facecolor": colour}
            if failed:
                look = style.failed_look(colour)
            axes.stairs(top, edges, baseline=bottom, fill=True, linewidth=0, **look)
            bottom = top
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    high = max(1.5, float(bottom.max()) * 1.2 if len(bottom) else 1.5)
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
    title = "What did providers get? (attempts per planned request)" + (
        ", without refused connections" if run.blind else ""
    )
    style.headline(
        axes, title, [style.swatch(style.UNKNOWN, "answered"), style.swatch(style.UNKNOWN, "failed", failed=True)]
    )


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
    if run.cut_short_ns is not None:
        return f"{' '.join(parts)}; the run was cut short after {quantities.duration(run.cut_short_ns)}."
    return " ".join(parts) + "."


TIMELINE = Picture(
    name="timeline",
    question="What happened?",
    reading=(
        "Time runs from left to right; the shaded part is when a fault was active. In a good run the grey line, attempts "
        "at providers, drops, and the blue line, callers' requests, stays at the top."
    ),
    position=10,
    places=(OVERVIEW,),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
