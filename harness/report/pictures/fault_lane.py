"""The lane on top of a timeline: the phases, and which fault acted on which provider."""

from __future__ import annotations

from matplotlib.axes import Axes

from harness import quantities
from harness.report.judged_run import JudgedRun
from harness.report.pictures.layout import Panel
from harness.report.pictures.letters import fitted, width_pt
from harness.report.pictures.style import INK, WRONG, hover
from harness.scenario import Plan, Window

_ROWS_MAX = 12
_ROW_IN = 0.25
_GAP_PT = 4.0


def height_in(plan: Plan) -> float:
    """Return the height that the lane needs."""
    return _ROW_IN * (1.3 + max(1, len(_rows(plan))))


def in_words(plan: Plan) -> str:
    """Return what was injected, in a phrase."""
    windows = plan.timeline.windows
    if not windows:
        return "no fault was injected"
    texts = [
        f"{window.provider} {window.text} from {quantities.duration(window.start_ns)} to {quantities.duration(window.end_ns)}"
        for window in windows
    ]
    return f"injected {quantities.listed(texts, most=4)}"


def draw(panel: Panel, run: JudgedRun) -> None:
    """Draw the phases and the fault windows, each with its text beside or inside its bar."""
    axes, rows = panel.axes, _rows(run.plan)
    panel.title = "What broke?"
    axes.set_yticks([])
    for spine in ("left", "bottom"):
        axes.spines[spine].set_visible(False)
    axes.tick_params(axis="x", bottom=False)
    axes.set_ylim(max(1, len(rows)) - 0.5, -1.8)
    points_per_s = panel.width_pt / axes.get_xlim()[1]
    _phases(axes, run.plan, points_per_s)
    for row, window in enumerate(rows):
        _bar(axes, run, window, row, points_per_s)
    more = len(run.plan.timeline.windows) - len(rows)
    if more > 0:
        axes.annotate(f"+ {more} more", (axes.get_xlim()[1], len(rows) - 1), ha="right", va="center", fontsize=9)
    if not rows:
        axes.text(0, 0, "no fault in this scenario", va="center", fontsize=9, alpha=0.75)


def _rows(plan: Plan) -> list[Window]:
    windows = sorted(plan.timeline.windows, key=lambda window: (window.start_ns, window.fault_id))
    return windows[:_ROWS_MAX]


def _phases(axes: Axes, plan: Plan, points_per_s: float) -> None:
    for phase in plan.phases:
        start, stop = phase.start_ns / 1e9, phase.end_ns / 1e9
        axes.plot([start, stop], [-0.72, -0.72], color=INK, linewidth=0.8, alpha=0.6, marker="|", markersize=6)
        if name := fitted(phase.name, (stop - start) * points_per_s - 2):
            axes.text((start + stop) / 2, -0.95, name, ha="center", va="bottom", fontsize=9)


def _bar(axes: Axes, run: JudgedRun, window: Window, row: int, points_per_s: float) -> None:
    start, stop = window.start_ns / 1e9, window.end_ns / 1e9
    # Pale enough for text in the page's own colour, light or dark.
    wash = 0.12 if window.inject.fault_kind.merely_slows else 0.32
    (bar,) = axes.barh(
        row, stop - start, left=start, height=0.66, facecolor=(WRONG, wash), edgecolor=WRONG, linewidth=1.1
    )
    what = f"{window.provider}: {window.text}"
    text = what + _fired(run, window)
    hover(bar, f"{text}, {quantities.duration(window.start_ns)} to {quantities.duration(window.end_ns)}")
    rooms_pt = {
        "inside": (stop - start) * points_per_s,
        "right": (axes.get_xlim()[1] - stop) * points_per_s,
        "left": start * points_per_s,
    }
    # Of a text that fits nowhere the count goes first, and its middle only then.
    tries = [(each, side) for each in (text, what) for side in rooms_pt]
    fits = (each for each in tries if width_pt(each[0]) + 2 * _GAP_PT <= rooms_pt[each[1]])
    text, side = next(fits, (what, max(rooms_pt, key=rooms_pt.__getitem__)))
    place, align, sign = {"inside": (start, "left", 1), "right": (stop, "left", 1), "left": (start, "right", -1)}[side]
    shown = fitted(text, rooms_pt[side] - 2 * _GAP_PT)
    offset = (sign * _GAP_PT, 0)
    axes.annotate(shown, (place, row), offset, textcoords="offset points", ha=align, va="center", fontsize=9)


def _fired(run: JudgedRun, window: Window) -> str:
    events = run.history.faults
    mine = events[(events["fault_id"] == window.fault_id) & (events["provider"] == window.provider)]
    fired = mine["fired"].dropna()
    if not len(fired) or window.inject.fault_kind.of_process:
        return ""
    hit = {"provider": "attempt", "gateway": "request", "database": "connection"}[window.leg]
    return f", hit {quantities.plural(int(fired.sum()), hit)}"
