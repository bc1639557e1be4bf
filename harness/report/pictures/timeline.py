"""The whole run at a glance: what broke, who noticed, how long it took, who served, at what price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from scipy.special import ndtri

from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import faults, style
from harness.report.pictures.style import INK, WRONG

Edges = np.ndarray[Any, Any]

_Z = float(ndtri(0.975))
_SHADES = 5
_ROWS = 36
_CROSSES_MAX = 150
_LAG_LEVELS_NS = (10e6, 50e6, 250e6)
_LAG_ALPHAS = (0.06, 0.25, 0.55, 1.0)


@style.styled
def timeline(run: JudgedRun) -> Figure:
    """Draw the run over time: faults, success, latency, who served, amplification, and the harness's own lag."""
    requests, attempts = run.requests, run.attempts
    if requests.empty:
        return style.in_words("No request was recorded in this run, so there is no timeline to draw.")
    end_s = max(run.plan.end_ns, int(attempts["start_ns"].max()) if len(attempts) else 0) / 1e9
    edges = style.bin_edges_s(end_s, len(requests))
    lane_in = faults.height_in(run.plan)
    lag_in = 0.35 + 0.17 * max(1, run.history.health["process"].nunique())
    heights = [lane_in, 1.25, 2.3, 1.5, 1.5, lag_in]
    figure = style.canvas(sum(heights) + 2.2)
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    panels[0].set_xlim(0, end_s)
    faults.lane(panels[0], run)
    _success(panels[1], run, attempts, edges)
    _latency(panels[2], run, edges)
    _served(panels[3], run, edges)
    _amplification(panels[4], run, attempts, edges)
    _lag(panels[5], run, edges)
    style.seconds_axis(panels[-1], "seconds since the run began")
    figure.align_ylabels(panels)
    figure.set_label(_label(run))
    return figure


def _bins(at_ns: pd.Series[Any], edges: Edges) -> Edges:
    place = np.searchsorted(edges, at_ns.to_numpy(dtype=float) / 1e9, side="right") - 1
    return np.asarray(np.clip(place, 0, len(edges) - 2))


def _counts(at_ns: pd.Series[Any], edges: Edges) -> Edges:
    return np.bincount(_bins(at_ns, edges), minlength=len(edges) - 1)


def _ratio(part: Edges, whole: Edges) -> Edges:
    return np.asarray(np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0))


def wilson(part: Edges, whole: Edges) -> tuple[Edges, Edges]:
    """Return the ends of the 95 % Wilson interval of many shares at once; nan where there is nothing."""
    share = _ratio(part, whole)
    n = np.where(whole > 0, whole, 1)
    middle = (share + _Z * _Z / (2 * n)) / (1 + _Z * _Z / n)
    half = _Z / (1 + _Z * _Z / n) * np.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def _success(axes: Axes, run: JudgedRun, attempts: pd.DataFrame, edges: Edges) -> None:
    requests = run.requests
    whole = _counts(requests["scheduled_ns"], edges)
    part = _counts(requests.loc[requests["complete"], "scheduled_ns"], edges)
    low, high = wilson(part, whole)
    tried = _counts(attempts["start_ns"], edges)
    worked = _counts(attempts.loc[attempts["outcome"] == "ok", "start_ns"], edges)
    style.shade_faults(axes, run.plan)
    axes.stairs(high, edges, baseline=low, fill=True, color=style.PROVIDERS[0], alpha=0.22, linewidth=0)
    axes.stairs(_ratio(worked, tried), edges, baseline=None, color=INK, alpha=0.5, linewidth=1.2)
    axes.stairs(_ratio(part, whole), edges, baseline=None, color=style.PROVIDERS[0], linewidth=2.2)
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


def _latency(axes: Axes, run: JudgedRun, edges: Edges) -> None:
    journeys = run.journeys
    seconds = journeys["latency_ns"].to_numpy(dtype=float, na_value=np.nan) / 1e9
    starts = journeys["scheduled_ns"]
    known = np.isfinite(seconds) & (seconds > 0)
    deadline = run.plan.load.deadline / 1e9
    style.shade_faults(axes, run.plan)
    axes.set_yscale("log")
    axes.grid(visible=True)
    low, high = deadline / 10, deadline * 1.5
    if known.any():
        low = min(low, float(seconds[known].min()) / 1.3)
        high = max(high, float(seconds[known].max()) * 1.2)
        _density(axes, seconds[known], _bins(starts[known], edges), edges, np.geomspace(low, high, _ROWS + 1))
        quantile = pd.Series(seconds[known]).groupby(_bins(starts[known], edges)).quantile(0.95)
        p95 = np.full(len(edges) - 1, np.nan)
        p95[quantile.index] = quantile.to_numpy()
        axes.stairs(p95, edges, baseline=None, color=INK, linewidth=1.5, zorder=3)
    failed = known & ~journeys["complete"].to_numpy(dtype=bool)
    marked = np.flatnonzero(failed)[:: max(1, int(failed.sum()) // _CROSSES_MAX)]
    axes.plot(starts.to_numpy(dtype=float)[marked] / 1e9, seconds[marked], "x", color=WRONG, markersize=4.5, zorder=5)
    axes.axhline(deadline, color=INK, linewidth=1, linestyle=":")
    axes.annotate(
        f"deadline {words.duration(deadline * 1e9)}",
        (0, deadline),
        (4, -3),
        textcoords="offset points",
        va="top",
        fontsize=8.5,
    )
    axes.set_ylim(low, high)
    style.duration_ticks(axes.yaxis)
    axes.yaxis.set_minor_formatter(lambda *_: "")
    handles: list[Any] = [
        Patch(facecolor=style.PROVIDERS[0], alpha=0.75, label="stronger colour = more requests"),
        Line2D([], [], color=INK, linewidth=1.5, label="p95"),
    ]
    if failed.any():
        handles.append(Line2D([], [], color=WRONG, marker="x", linestyle="", markersize=5, label="failed"))
    style.headline(axes, "How long did callers wait?", handles)


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


def _served(axes: Axes, run: JudgedRun, edges: Edges) -> None:
    requests = run.requests
    whole = _counts(requests["scheduled_ns"], edges)
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
        top = bottom + np.nan_to_num(_ratio(_counts(requests.loc[mine, "scheduled_ns"], edges), whole))
        axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top
    failed = ~complete
    if failed.any():
        top = bottom + np.nan_to_num(_ratio(_counts(requests.loc[failed, "scheduled_ns"], edges), whole))
        axes.stairs(top, edges, baseline=bottom, fill=True, linewidth=0, **style.failed_look(WRONG))
        handles.append(style.swatch(WRONG, "nobody: failed", failed=True))
    style.shade_faults(axes, run.plan, behind=False)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    style.percent_ticks(axes.yaxis)
    style.headline(axes, "Who served?", handles)


def _amplification(axes: Axes, run: JudgedRun, attempts: pd.DataFrame, edges: Edges) -> None:
    planned = run.plan.load.rate * np.diff(edges)
    bottom = np.zeros(len(edges) - 1)
    style.shade_faults(axes, run.plan)
    for name, colour in style.colours(run.plan).items():
        mine = attempts[attempts["provider"] == name]
        for rows, failed in ((mine[mine["outcome"] == "ok"], False), (mine[mine["outcome"] != "ok"], True)):
            if rows.empty:
                continue
            top = bottom + _counts(rows["start_ns"], edges) / planned
            look: dict[str, Any] = {"facecolor": colour}
            if failed:
                look = style.failed_look(colour)
            axes.stairs(top, edges, baseline=bottom, fill=True, linewidth=0, **look)
            bottom = top
    axes.axhline(1, color=INK, linewidth=1, linestyle=":")
    high = max(1.5, float(bottom.max()) * 1.2 if len(bottom) else 1.5)
    if len(attempts) and run.plan.load.rate >= 1:
        at_s, peak = _busiest(attempts, run.plan.load.rate)
        high = max(high, peak * 1.2)
        axes.plot([at_s], [peak], marker="v", color=INK, markersize=6, zorder=5)
        right = at_s > edges[-1] * 0.7
        axes.annotate(
            f"busiest second {peak:.1f}×",
            (at_s, peak),
            (-8 if right else 8, 2),
            textcoords="offset points",
            ha="right" if right else "left",
            va="center",
            fontsize=9,
        )
    axes.set_ylim(0, high)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.grid(visible=True, axis="y")
    title = "What did providers get? (attempts per planned request)" + (", refused ones unseen" if run.blind else "")
    style.headline(
        axes, title, [style.swatch(style.UNKNOWN, "answered"), style.swatch(style.UNKNOWN, "failed", failed=True)]
    )


def _busiest(attempts: pd.DataFrame, rate_per_s: float) -> tuple[float, float]:
    """Return the middle of the busiest second, wherever it begins, and the attempts begun in it per planned request."""
    starts_s = np.sort(attempts["start_ns"].to_numpy(dtype=float)) / 1e9
    most = np.searchsorted(starts_s, starts_s + 1) - np.arange(len(starts_s))
    return float(starts_s[most.argmax()]) + 0.5, float(most.max()) / rate_per_s


def _lag(axes: Axes, run: JudgedRun, edges: Edges) -> None:
    health = run.history.health[run.history.health["at_ns"] >= 0]
    title = "Did the harness keep up? (loop lag)"
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if health.empty:
        style.headline(axes, title)
        axes.set_yticks([])
        axes.set_ylim(0, 1)
        axes.text(
            0,
            0.5,
            "no lag on record: a simulated run has a clock of its own",
            transform=axes.get_yaxis_transform(),
            va="center",
            alpha=0.75,
            fontsize=9,
        )
        return
    names = sorted(health["process"].unique())
    limits = [0, *_LAG_LEVELS_NS, np.inf]
    for row, name in enumerate(names):
        mine = health[health["process"] == name]
        worst = mine["loop_lag_ns"].groupby(_bins(mine["at_ns"], edges)).max()
        level = np.searchsorted(limits, worst.to_numpy(dtype=float), side="right") - 1
        for step, alpha in enumerate(_LAG_ALPHAS):
            at = worst.index.to_numpy()[level == step]
            colour = WRONG if step == len(_LAG_ALPHAS) - 1 else INK
            axes.broken_barh(
                [(edges[i], edges[i + 1] - edges[i]) for i in at],
                (row - 0.4, 0.8),
                color=colour,
                alpha=alpha,
                linewidth=0,
            )
    axes.set_yticks(
        range(len(names)),
        [
            f"{name} ≤ {words.duration(float(health.loc[health['process'] == name, 'loop_lag_ns'].max()))}"
            for name in names
        ],
        fontsize=8.5,
    )
    axes.set_ylim(len(names) - 0.4, -0.6)
    texts = ("under 10 ms", "10 – 50 ms", "50 – 250 ms", "over 250 ms")
    colours = (INK, INK, INK, WRONG)
    handles = [Patch(facecolor=c, alpha=a, label=t) for c, a, t in zip(colours, _LAG_ALPHAS, texts, strict=True)]
    style.headline(axes, title, handles)


def _label(run: JudgedRun) -> str:
    requests = run.requests
    done = int(requests["complete"].sum())
    peak = run.metrics.phases.get("run", {}).get("amplification_peak")
    parts = [
        f"Timeline of {words.plural(len(requests), 'request')} over {words.duration(run.plan.end_ns)}:",
        f"{faults.in_words(run.plan)};",
        f"{words.count(done)} of {words.count(len(requests))} requests got their whole answer",
    ]
    if peak is not None and peak.value is not None:
        parts.append(f"and the busiest second saw {words.amount(peak.value, 'ratio')} the planned calls")
    return " ".join(parts) + "."
