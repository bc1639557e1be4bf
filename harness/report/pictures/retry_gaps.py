"""When retries came: against the wait that the provider had asked for, and against each other."""

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

from harness import quantities
from harness.judge.tables.columns import TOLERANCE_NS
from harness.judge.tables.gaps import WITHIN
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, style
from harness.report.pictures.layout import Panel
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.style import GOOD, WRONG

_DOTS_MAX = 220
_ROWS_MAX = 10
_WAITS_MAX = 3
"""Different Retry-After values that get rows of their own."""
_NTH_MAX = 4
"""Retries from this one on share a row."""
_BINS = 60


@dataclass(frozen=True, slots=True)
class _DotRow:
    """Retries in one row.

    Attributes:
        name: Which they are, and how many.
        gaps: Their rows of the table of retries.
        asked_ns: The Retry-After that all of them were given; None where it differs, or there was none.
        allowed_ns: Between which waits the chain's settings and that Retry-After allow them; None where that is not known.
    """

    name: str
    gaps: pd.DataFrame
    asked_ns: float | None
    allowed_ns: tuple[float, float] | None


def early(gaps: pd.DataFrame) -> pd.Series[bool]:
    """Return which retries began earlier than their Retry-After allowed, beyond what the stamps may be off."""
    return (gaps["early_ns"] > TOLERANCE_NS).fillna(value=False).astype(bool)


def _gaps(run: JudgedRun) -> pd.DataFrame:
    """Return the retries at the same provider after a failed attempt."""
    gaps = run.retries[(run.retries["kind"] == "retry") & (run.retries["from_outcome"] != "ok")]
    return gaps[gaps["gap_ns"].notna()]


def _nothing(run: JudgedRun) -> str:
    if why := unseen(run):
        return why
    if len(_gaps(run)):
        return ""
    switched = (run.retries["kind"] == "switch").any()
    why = "after a failed attempt the next provider was tried" if switched else "no attempt was followed by another"
    return f"No request tried the same provider twice: {why}."


def _draw(run: JudgedRun) -> Figure:
    gaps = _gaps(run)
    rows = _rows(run, gaps)
    upper, lower = panels = layout.panels([1.1, 0.62 * len(rows)], names=[row.name for row in rows])
    below = lower.axes
    longest_s = float(gaps["gap_ns"].max()) / 1e9
    asked_s = float(gaps["told_ns"].max()) / 1e9 if gaps["told_ns"].notna().any() else 0.0
    right = max(longest_s, min(asked_s, longest_s * 8)) * 1.06 + 0.02
    below.set_xlim(-0.012 * right, right)
    _histogram(upper, gaps, right)
    for place, row in enumerate(rows):
        _dots(below, place, row, right)
    below.set_ylim(len(rows) - 0.45, -0.55)
    below.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=9)
    for row, tick in zip(rows, below.get_yticklabels(), strict=True):
        if early(row.gaps).any():
            tick.set(color=WRONG, fontweight="bold")
    below.tick_params(axis="y", length=0)
    below.grid(visible=True, axis="x")
    lower.title, lower.handles = "Each retry, and when it was allowed", _legend(gaps, rows)
    style.seconds_axis(below, "seconds from the failed attempt's end to the next attempt's start")
    return layout.placed(panels)


def _legend(gaps: pd.DataFrame, rows: list[_DotRow]) -> list[Any]:
    handles: list[Any] = [
        Line2D([], [], color=style.PROVIDERS[0], marker="o", linestyle="", markersize=4, label="a retry")
    ]
    if early(gaps).any():
        handles.append(Line2D([], [], color=WRONG, marker="x", linestyle="", markersize=6, label="too early"))
    if any(row.allowed_ns is not None for row in rows):
        handles.append(Patch(facecolor=GOOD, alpha=0.22, label="allowed"))
    if any(row.asked_ns is not None for row in rows):
        handles.append(Line2D([], [], color=GOOD, linewidth=1.6, label="Retry-After"))
    return handles


def _allowed(run: JudgedRun, nth: int, asked_ns: float | None) -> tuple[float, float] | None:
    """Return the band of all retries of one number that were given one Retry-After, or none."""
    gaps = run.gaps
    told = gaps["told_ns"].isna() if asked_ns is None else gaps["told_ns"].round(-8) == asked_ns
    mine = gaps[(gaps["nth"].clip(upper=_NTH_MAX) == nth) & told]
    if mine.empty or mine["least_ns"].isna().any():
        return None
    return float(mine["least_ns"].min()), float(mine["most_ns"].max())


def _rows(run: JudgedRun, gaps: pd.DataFrame) -> list[_DotRow]:
    few = gaps["told_ns"].dropna().round(-8).nunique() <= _WAITS_MAX
    rows: list[_DotRow] = []
    for nth, mine in gaps.groupby(gaps["nth"].clip(upper=_NTH_MAX)):
        which = f"retry {nth}" if nth < _NTH_MAX else f"retries {_NTH_MAX} and later"
        without = mine[mine["told_ns"].isna()]
        if len(without):
            rows.append(_DotRow(f"{which}\nno Retry-After\n{_size(without)}", without, None, _allowed(run, nth, None)))
        given = mine[mine["told_ns"].notna()]
        groups = given.groupby(given["told_ns"].round(-8)) if few else [(None, given)]
        for asked_ns, group in groups:
            if len(group):
                wait = (
                    "various Retry-After" if asked_ns is None else f"Retry-After {quantities.duration(float(asked_ns))}"
                )
                name = f"{which}\n{wait}\n{_size(group)}"
                asked = None if asked_ns is None else float(asked_ns)
                allowed = None if asked is None else _allowed(run, nth, asked)
                rows.append(_DotRow(name, group, asked, allowed))
    return rows[:_ROWS_MAX]


def _size(group: pd.DataFrame) -> str:
    hasty = int(early(group).sum())
    return (
        f"{quantities.count(hasty)} too early of {quantities.count(len(group))}"
        if hasty
        else f"n = {quantities.count(len(group))}"
    )


def _histogram(panel: Panel, gaps: pd.DataFrame, right: float) -> None:
    axes = panel.axes
    edges = np.linspace(0, right, _BINS + 1)
    given = gaps["told_ns"].notna().to_numpy(dtype=bool)
    seconds = gaps["gap_ns"].to_numpy(dtype=float) / 1e9
    bottom = np.zeros(_BINS)
    handles: list[Any] = []
    for mine, colour, name in (
        (given, style.PROVIDERS[0], "after a Retry-After"),
        (~given, style.PROVIDERS[4], "no Retry-After"),
    ):
        if mine.any():
            top = bottom + np.histogram(np.clip(seconds[mine], 0, right), edges)[0]
            axes.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
            handles.append(style.swatch(colour, name))
            bottom = top
    axes.set_ylim(0, max(4.0, bottom.max() * 1.1))
    axes.grid(visible=True, axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    panel.title = f"{quantities.plural(len(gaps), 'retry', 'retries')} at the same provider"
    panel.handles = handles


def _dots(axes: Axes, place: int, row: _DotRow, right: float) -> None:
    if row.allowed_ns is not None:
        least_s = max(row.allowed_ns[0] - TOLERANCE_NS, 0) / 1e9
        most_s = min((row.allowed_ns[1] + TOLERANCE_NS) / 1e9, right)
        axes.barh(place, most_s - least_s, left=least_s, height=0.8, color=GOOD, alpha=0.22, linewidth=0)
    if row.asked_ns is not None:
        axes.plot([row.asked_ns / 1e9] * 2, [place - 0.4, place + 0.4], color=GOOD, linewidth=1.6)
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


def _alt(run: JudgedRun) -> str:
    gaps = _gaps(run)
    given = int(gaps["told_ns"].notna().sum())
    middle = quantities.duration(float(gaps["gap_ns"].astype("float64").median()))
    text = f"{quantities.plural(len(gaps), 'retry', 'retries')} at the same provider, after a median wait of {middle}."
    if given:
        text += f" {quantities.count(given)} were given a Retry-After; {quantities.count(int(early(gaps).sum()))} of them came too early."
    known = run.gaps["side"].dropna()
    if run.wait_rules and len(known):
        outside = quantities.count(int((known != WITHIN).sum()))
        text += f" Of {quantities.count(len(known))} waits {outside} were outside of what the chain's settings allow."
    return text


RETRY_GAPS = Picture(
    name="retry-gaps",
    question="Were retries well-behaved?",
    reading=(
        "Each dot is one retry at a provider that had just failed: green is when the chain's settings and a Retry-After allow it, "
        "and a cross came before its Retry-After."
    ),
    position=30,
    places=(DETAILS, "retry-timing"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
