"""When retries came: against what they were told, and against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.style import GOOD, WRONG

TOLERANCE_NS = 50_000_000
_DOTS_MAX = 220
_ROWS_MAX = 10
_TOLD_MAX = 3


@dataclass(frozen=True, slots=True)
class _Row:
    """Retries that share a place and what they were told; `told_ns` is None where that differs or was nothing."""

    name: str
    gaps: pd.DataFrame
    told_ns: float | None


@style.styled
def retry_gaps(run: JudgedRun) -> Figure:
    """Draw the wait before each retry at the same provider, the early ones crossed."""
    if run.blind:
        return style.in_words(style.UNSEEN)
    gaps = run.retries[(run.retries["kind"] == "retry") & (run.retries["from_outcome"] != "ok")]
    gaps = gaps[gaps["gap_ns"].notna()]
    if gaps.empty:
        switches = int((run.retries["kind"] == "switch").sum())
        told = (
            "every failed attempt was handed to the next provider" if switches else "no attempt was followed by another"
        )
        return style.in_words(f"No provider was tried twice for the same request: {told}.")
    rows = _rows(gaps)
    figure = style.canvas(2.7 + 0.62 * len(rows))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.3, 0.62 * len(rows)])
    high_s = float(gaps["gap_ns"].max()) / 1e9
    told_s = float(gaps["told_ns"].max()) / 1e9 if gaps["told_ns"].notna().any() else 0.0
    right = max(high_s, min(told_s, high_s * 8)) * 1.06 + 0.02
    below.set_xlim(-0.012 * right, right)
    _histogram(above, gaps, right)
    for place, row in enumerate(rows):
        _dots(below, place, row, right)
    below.set_ylim(len(rows) - 0.45, -0.55)
    below.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
    for row, tick in zip(rows, below.get_yticklabels(), strict=True):
        if early(row.gaps).any():
            tick.set(color=WRONG, fontweight="bold")
    below.tick_params(axis="y", length=0)
    below.grid(visible=True, axis="x")
    handles: list[Any] = [
        Line2D([], [], color=style.PROVIDERS[0], marker="o", linestyle="", markersize=4, label="a retry")
    ]
    if early(gaps).any():
        handles.append(Line2D([], [], color=WRONG, marker="x", linestyle="", markersize=6, label="before its time"))
    if any(row.told_ns is not None for row in rows):
        handles.append(Patch(facecolor=GOOD, alpha=0.16, label="allowed by Retry-After"))
    style.headline(below, "Each retry, against what it was told", handles)
    style.seconds_axis(
        below, "seconds from the end of the failed attempt to the start of the next one at the same provider"
    )
    figure.set_label(_label(gaps))
    return figure


def early(gaps: pd.DataFrame) -> pd.Series[bool]:
    """Return which retries began more than the tolerance before the time they were told."""
    return (gaps["early_ns"] > TOLERANCE_NS).fillna(value=False).astype(bool)


def _rows(gaps: pd.DataFrame) -> list[_Row]:
    told = gaps["told_ns"]
    values = told.dropna().round(-8).unique()
    few = len(values) <= _TOLD_MAX
    rows: list[_Row] = []
    for nth, mine in gaps.groupby(gaps["nth"].clip(upper=4)):
        ordinal = f"retry {nth}" if nth < 4 else "retry 4 and later"
        without = mine[mine["told_ns"].isna()]
        if len(without):
            rows.append(_Row(f"{ordinal}, told nothing\nn = {words.count(len(without))}", without, None))
        given = mine[mine["told_ns"].notna()]
        groups = given.groupby(given["told_ns"].round(-8)) if few else [(None, given)]
        for value, group in groups:
            if len(group):
                text = f"told {words.duration(float(value))}" if value is not None else "told a time"
                hasty = int(early(group).sum())
                name = f"{ordinal}, {text}\n{f'{words.count(hasty)} early of' if hasty else 'n ='} {words.count(len(group))}"
                rows.append(_Row(name, group, None if value is None else float(value)))
    return rows[:_ROWS_MAX]


def _histogram(axes: Axes, gaps: pd.DataFrame, right: float) -> None:
    edges = np.linspace(0, right, 61)
    given = gaps["told_ns"].notna().to_numpy(dtype=bool)
    seconds = gaps["gap_ns"].to_numpy(dtype=float) / 1e9
    bottom = np.zeros(len(edges) - 1)
    handles: list[Any] = []
    for mine, colour, name in (
        (given, style.PROVIDERS[0], "told to wait"),
        (~given, style.PROVIDERS[4], "told nothing"),
    ):
        if mine.any():
            top = bottom + np.histogram(np.clip(seconds[mine], 0, right), edges)[0]
            axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
            handles.append(style.swatch(colour, name))
            bottom = top
    axes.set_ylabel("retries")
    axes.set_ylim(0, bottom.max() * 1.1)
    axes.grid(visible=True, axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    style.headline(axes, f"{words.plural(len(gaps), 'retry', 'retries')} at the same provider", handles)


def _dots(axes: Axes, place: int, row: _Row, right: float) -> None:
    if row.told_ns is not None:
        start = (row.told_ns - TOLERANCE_NS) / 1e9
        axes.barh(place, right - start, left=start, height=0.8, color=GOOD, alpha=0.16, linewidth=0)
        axes.plot([row.told_ns / 1e9] * 2, [place - 0.4, place + 0.4], color=GOOD, linewidth=1.6)
    hasty = early(row.gaps).to_numpy(dtype=bool)
    seconds = row.gaps["gap_ns"].to_numpy(dtype=float) / 1e9
    # Spread by the golden ratio: even, without chance, and no pattern that would look like a finding.
    spread = place + 0.6 * ((np.arange(len(seconds)) * 0.6180339887) % 1 - 0.5)
    looks: tuple[dict[str, Any], ...] = (
        {"marker": "o", "markersize": 3, "color": style.PROVIDERS[0], "alpha": 0.65},
        {"marker": "x", "markersize": 6, "color": WRONG, "markeredgewidth": 1.5},
    )
    for mine, look in zip((~hasty, hasty), looks, strict=True):
        shown = np.flatnonzero(mine)
        shown = shown[:: max(1, -(-len(shown) // _DOTS_MAX))]
        axes.plot(seconds[shown], spread[shown], linestyle="", zorder=3, **look)


def _label(gaps: pd.DataFrame) -> str:
    hasty = int(early(gaps).sum())
    given = int(gaps["told_ns"].notna().sum())
    middle = words.duration(float(gaps["gap_ns"].astype("float64").median()))
    text = f"{words.plural(len(gaps), 'retry', 'retries')} at the same provider, after a median wait of {middle}."
    if given:
        text += (
            f" {words.count(given)} were told how long to wait; {words.count(hasty)} of them came before their time."
        )
    return text
