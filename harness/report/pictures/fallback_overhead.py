"""How long callers waited before a fallback began to answer, and what that time was spent on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from harness import quantities
from harness.judge.intervals import quantile
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, style
from harness.report.pictures.layout import NAME_PT, Panel
from harness.report.pictures.letters import fitted
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.style import INK, WRONG
from harness.scenario import Plan

_POINTS_MAX = 400
_BAND_MIN = 10
"""With fewer observations the band would be wider than 86 percentage points."""


def _fallbacks(run: JudgedRun) -> pd.DataFrame:
    return run.journeys[run.journeys["fallback_overhead_ns"].notna()]


def _groups(run: JudgedRun) -> list[tuple[str, pd.DataFrame]]:
    """Return the fallbacks by the provider that served, in the order of the chain."""
    table = _fallbacks(run)
    groups = [(name, table[table["served_by"] == name]) for name in style.colours(run.plan)]
    return [(name, group) for name, group in groups if len(group)]


def _nothing(run: JudgedRun) -> str:
    if why := unseen(run):
        return why
    return "" if len(_fallbacks(run)) else "No request was tried at the first provider and then served by a fallback."


def _draw(run: JudgedRun) -> Figure:
    groups = _groups(run)
    names = [name for name, _ in groups]
    above, below = panels = layout.panels([2.9, 0.15 + 0.42 * len(groups)], names=names)
    limit_ns = strictest_limit_ns(run.plan)
    longest_s = float(_fallbacks(run)["fallback_overhead_ns"].max()) / 1e9
    right = max(longest_s, limit_ns / 1e9 if limit_ns else 0) * 1.06 + 0.01
    above.axes.set_xlim(0, right)
    _curves(above, run, groups, right)
    if limit_ns is not None:
        for panel in panels:
            panel.axes.axvline(limit_ns / 1e9, color=WRONG, linewidth=1.3, linestyle=(0, (4, 2)), zorder=4)
        late = limit_ns / 1e9 > right / 2
        above.axes.annotate(
            f"limit {quantities.duration(limit_ns)}",
            (limit_ns / 1e9, 0.03),
            (-5 if late else 5, 0),
            textcoords="offset points",
            ha="right" if late else "left",
            fontsize=9,
            color=WRONG,
            fontweight="bold",
            bbox=style.PAPER_BOX,
            zorder=6,
        )
    _spent(below, run, groups, right)
    return layout.placed(panels)


def strictest_limit_ns(plan: Plan) -> float | None:
    """Return the strictest upper limit on fallback overhead that the scenario sets, in nanoseconds."""
    limits = [
        line.target
        for line in plan.expectations
        if line.metric == "fallback_overhead" and line.op in ("<", "<=") and line.target
    ]
    return min(limits, default=None)


def _curves(panel: Panel, run: JudgedRun, groups: list[tuple[str, pd.DataFrame]], right: float) -> None:
    limit_ns = strictest_limit_ns(run.plan)
    axes, colours, lines = panel.axes, style.colours(run.plan), style.lines(run.plan)
    handles: list[Any] = []
    for name, group in groups:
        seconds = np.sort(group["fallback_overhead_ns"].to_numpy(dtype=float)) / 1e9
        n = len(seconds)
        kept = np.unique(np.linspace(0, n - 1, min(n, _POINTS_MAX)).astype(int))
        x = np.concatenate([[0.0], seconds[kept], [right]])
        y = np.concatenate([[0.0], (kept + 1) / n, [1.0]])
        band = math.sqrt(math.log(2 / 0.05) / (2 * n))  # Dvoretzky, Kiefer, Wolfowitz; Massart's constant
        if n >= _BAND_MIN:
            inner = slice(1, -1)
            low, high = np.clip(y[inner] - band, 0, 1), np.clip(y[inner] + band, 0, 1)
            axes.fill_between(x[inner], low, high, step="post", color=colours[name], alpha=0.16, linewidth=0)
        axes.step(x, y, where="post", color=colours[name], linewidth=2.2, linestyle=lines[name])
        p50, p95 = (quantile(seconds, share) for share in (0.5, 0.95))
        axes.plot([p95], [0.95], "o", color=colours[name], markersize=7, markeredgecolor=style.PAPER, zorder=5)
        numbers = (
            f"n = {quantities.count(n)}, median {quantities.duration(p50 * 1e9)}, p95 {quantities.duration(p95 * 1e9)}"
        )
        if limit_ns is not None:
            numbers += f", {quantities.share(float((seconds * 1e9 >= limit_ns).mean()))} over the limit"
        text = f"{fitted(name, NAME_PT)}: {numbers}"
        handles.append(Line2D([], [], color=colours[name], linewidth=2.2, linestyle=lines[name], label=text))
    axes.set_ylim(0, 1.02)
    style.percent_ticks(axes.yaxis)
    axes.grid(visible=True)
    panel.title = "Requests that had reached the provider that answered"
    panel.handles = [
        *handles,
        Patch(facecolor=INK, alpha=0.16, label="95 % interval"),
        Line2D([], [], color=INK, marker="o", linestyle="", label="p95"),
    ]


def _spent(panel: Panel, run: JudgedRun, groups: list[tuple[str, pd.DataFrame]], right: float) -> None:
    axes, colours = panel.axes, style.colours(run.plan)
    for row, (name, group) in enumerate(groups):
        failed, waiting = (
            float(group[column].astype("float64").mean()) / 1e9 for column in ("failed_ns", "waiting_ns")
        )
        axes.barh(row, failed, height=0.6, linewidth=1, **style.failed_look(colours[name]))
        axes.barh(row, waiting, left=failed, height=0.6, color=INK, alpha=0.22, linewidth=0)
        text = f"{quantities.duration(failed * 1e9)} in failed attempts, {quantities.duration(waiting * 1e9)} waiting"
        inside = failed + waiting > 0.55 * right
        axes.annotate(
            text,
            (failed + waiting, row),
            (-6 if inside else 6, 0),
            textcoords="offset points",
            ha="right" if inside else "left",
            va="center",
            fontsize=9,
            bbox=style.PAPER_BOX,
            zorder=6,
        )
    axes.set_yticks(range(len(groups)), [fitted(name, NAME_PT) for name, _ in groups])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    panel.title = "What that time was spent on (mean)"
    panel.handles = [
        style.swatch(style.UNKNOWN, "in failed attempts", failed=True),
        Patch(facecolor=INK, alpha=0.22, label="waiting"),
    ]
    style.seconds_axis(axes, "seconds from the first attempt's start to the start of the one that answered")


def _alt(run: JudgedRun) -> str:
    parts = []
    for name, group in _groups(run):
        observed_ns = np.sort(group["fallback_overhead_ns"].to_numpy(dtype=float))
        p50, p95 = (quantities.duration(quantile(observed_ns, share)) for share in (0.5, 0.95))
        parts.append(
            f"{name} answered {quantities.plural(len(group), 'request')} after a median wait of {p50}, p95 {p95}"
        )
    text = f"Wait for a fallback: {'; '.join(parts)}."
    limit_ns = strictest_limit_ns(run.plan)
    if limit_ns is not None:
        table = _fallbacks(run)
        over = int((table["fallback_overhead_ns"] >= limit_ns).sum())
        text += f" {quantities.count(over)} of {quantities.count(len(table))} reached the limit of {quantities.duration(limit_ns)}."
    return text


FALLBACK_OVERHEAD = Picture(
    name="fallback-overhead",
    question="How long did callers wait for a fallback?",
    reading=(
        "The further right a curve rises, the longer callers waited because of the outage, from their first attempt to the "
        "start of the one that answered; below is whether a provider or the chain took that time."
    ),
    position=40,
    places=(DETAILS, "fallback-overhead"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
