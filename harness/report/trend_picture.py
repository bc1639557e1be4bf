"""Success and latency of all saved runs of a scenario on a chain, over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from itertools import pairwise

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from harness.judge import Status
from harness.quantities import amount, listed, plural
from harness.report import words
from harness.report.index.texts import LABELS, began, changes
from harness.report.pictures import layout, style
from harness.report.pictures.layout import Panel
from harness.report.pictures.letters import SMALL_PT, fitted
from harness.report.trends import Trends, passed
from harness.store.index_entry import NUMBERS, Entry

NAME = "trend"
_MARKS = {
    Status.PASS: (style.GOOD, "o"),
    Status.FAIL: (style.WRONG, "X"),
    Status.INCONCLUSIVE: (style.UNKNOWN, "D"),
}
_SHARE_FROM = 0.9
_DAY_S = 24 * 3600
"""Matplotlib counts time in days since 1970."""
_NAMED_MAX = 4


def trend_figure(trends: Trends) -> Figure:
    """Return the picture; there must be at least two runs with numbers."""
    with mpl.rc_context(style.RC):
        above, below = layout.panels([1.5, 1.5])
        runs = trends.judged
        _draw(above.axes, runs, "success_rate")
        _draw(below.axes, runs, "latency_p95")
        _changes(above, below, runs)
        style.percent_ticks(above.axes.yaxis)
        style.duration_ticks(below.axes.yaxis)
        shown = {run.verdict for run in runs}
        above.title, below.title = "Requests with a complete answer", "Latency p95"
        above.handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", markersize=6, label=words.WORDS[status])
            for status, (colour, marker) in _MARKS.items()
            if status in shown
        ]
        locator = AutoDateLocator(minticks=3, maxticks=7)
        below.axes.xaxis.set_major_locator(locator)
        below.axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC, show_offset=False))
        below.axes.set_xlabel("when the run began (UTC)")
        figure = layout.placed([above, below])
    figure.set_gid(NAME)
    figure.set_label(_alt(trends))
    return figure


def change_marks(runs: Sequence[Entry]) -> list[tuple[Entry, str]]:
    """Return the runs before which the chain or a version changed, oldest first, each with what did.

    Args:
        runs: The oldest first.
    """
    return [(after, listed(found)) for before, after in pairwise(runs) if (found := changes(before, after))]


def _draw(axes: Axes, runs: Sequence[Entry], name: str) -> None:
    known = [run for run in runs if name in run.numbers]
    scale = 1e9 if NUMBERS[name] == "ns" else 1.0
    times = [run.when_s / _DAY_S for run in known]
    values = [run.numbers[name] / scale for run in known]
    axes.grid(visible=True, axis="y")
    axes.plot(times, values, color=style.INK, linewidth=1, alpha=0.5)
    for status, (colour, marker) in _MARKS.items():
        places = [place for place, run in enumerate(known) if run.verdict == status]
        if places:  # an empty line would lie in 1970, and the layout would make room for it
            axes.plot(
                [times[place] for place in places],
                [values[place] for place in places],
                marker,
                color=colour,
                markersize=6,
                markeredgecolor=style.PAPER,
                clip_on=False,
                zorder=4,
            )
    if scale == 1.0:
        low = min([_SHARE_FROM, *values])
        axes.set_ylim(low - 0.03 * (1 - low), 1 + 0.03 * (1 - low))
    else:
        axes.set_ylim(0, 1.12 * max([*values, 1e-3]))


def _changes(above: Panel, below: Panel, runs: Sequence[Entry]) -> None:
    """Mark where the chain or a version changed; where there are few, say what changed."""
    marks = change_marks(runs)
    first, last = runs[0].when_s / _DAY_S, runs[-1].when_s / _DAY_S
    for number, (run, what) in enumerate(marks):
        at = run.when_s / _DAY_S
        for panel in (above, below):
            panel.axes.axvline(at, color=style.INK, linewidth=1, linestyle=(0, (3, 2)))
        if len(marks) <= _NAMED_MAX:
            left = at - first > last - at  # where there is more room
            share = max(at - first, last - at) / max(last - first, 1e-9)
            below.axes.annotate(
                fitted(what, share * below.width_pt - 16),
                (at, 0),
                (-4 if left else 4, 5 + 13 * number),
                textcoords="offset points",
                ha="right" if left else "left",
                fontsize=SMALL_PT,
                bbox=style.PAPER_BOX,
                zorder=6,
            )


def _alt(trends: Trends) -> str:
    runs = trends.judged
    parts = [f"{plural(len(runs), 'run')} from {began(runs[0])} to {began(runs[-1])}: {passed(runs)}"]
    for name in ("success_rate", "latency_p95"):
        values = [run.numbers[name] for run in runs if name in run.numbers]
        if values:
            first, last, low, high = (
                amount(each, NUMBERS[name]) for each in (values[0], values[-1], min(values), max(values))
            )
            parts.append(f"{LABELS[name]} was {first} at first and {last} at last, between {low} and {high}")
    parts += [f"changed before {began(run)}: {what}" for run, what in change_marks(runs)[-_NAMED_MAX:]]
    return "; ".join(parts) + "."
