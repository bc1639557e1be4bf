"""The lane on top of a timeline: the phases, and which fault acted on which provider."""

from __future__ import annotations

from matplotlib.axes import Axes

from harness import quantities
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures.style import INK, WRONG
from harness.scenario import Plan, Window

_ROWS_MAX = 12
_CHAR_S_SHARE = 0.0072  # width of a letter, as a share of the panel's
_ROW_IN = 0.24


def height_in(plan: Plan) -> float:
    """Return the height that the lane needs."""
    return _ROW_IN * (1.2 + max(1, len(_rows(plan))))


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


def draw(axes: Axes, run: JudgedRun) -> None:
    """Draw the phases and the fault windows, each with its text beside or inside its bar."""
    rows = _rows(run.plan)
    axes.set_title("What broke?")
    axes.set_yticks([])
    for spine in ("left", "bottom"):
        axes.spines[spine].set_visible(False)
    axes.tick_params(axis="x", bottom=False)
    axes.set_ylim(max(1, len(rows)) - 0.5, -1.6)
    end_s = axes.get_xlim()[1]
    _phases(axes, run.plan, end_s)
    for row, window in enumerate(rows):
        _bar(axes, run, window, row, end_s)
    more = len(run.plan.timeline.windows) - len(rows)
    if more > 0:
        axes.annotate(f"+ {more} more", (end_s, len(rows) - 1), ha="right", va="center", fontsize=8.5)
    if not rows:
        axes.text(0, 0, "no fault in this scenario", va="center", fontsize=9, alpha=0.75)


def _rows(plan: Plan) -> list[Window]:
    windows = sorted(plan.timeline.windows, key=lambda window: (window.start_ns, window.fault_id))
    return windows[:_ROWS_MAX]


def _phases(axes: Axes, plan: Plan, end_s: float) -> None:
    for phase in plan.phases:
        start, stop = phase.start_ns / 1e9, phase.end_ns / 1e9
        axes.plot([start, stop], [-0.72, -0.72], color=INK, linewidth=0.8, alpha=0.6, marker="|", markersize=6)
        room = int((stop - start) / end_s / _CHAR_S_SHARE)
        if room >= 3:
            name = words.shortened(phase.name, most=room)
            axes.text((start + stop) / 2, -0.95, name, ha="center", va="bottom", fontsize=9)


def _bar(axes: Axes, run: JudgedRun, window: Window, row: int, end_s: float) -> None:
    start, stop = window.start_ns / 1e9, window.end_ns / 1e9
    wash = (
        0.12 if window.inject.fault_kind.merely_slows else 0.32
    )  # pale enough for text in the page's own colour, light or dark
    axes.barh(row, stop - start, left=start, height=0.62, facecolor=(WRONG, wash), edgecolor=WRONG, linewidth=1.1)
    text = f"{words.shortened(window.provider)}: {window.text}{_fired(run, window)}"
    gap = 0.005 * end_s
    letters = {
        side: int(room / (_CHAR_S_SHARE * end_s))
        for side, room in (("inside", stop - start - 2 * gap), ("right", end_s - stop - gap), ("left", start - gap))
    }
    side = next((side for side, room in letters.items() if room >= len(text)), max(letters, key=letters.__getitem__))
    place, align = {
        "inside": (start + gap, "left"),
        "right": (stop + gap, "left"),
        "left": (start - gap, "right"),
    }[side]
    shown = axes.text(place, row, words.shortened(text, max(4, letters[side])), ha=align, va="center", fontsize=9)
    shown.set_in_layout(False)


def _fired(run: JudgedRun, window: Window) -> str:
    events = run.history.faults
    mine = events[(events["fault_id"] == window.fault_id) & (events["provider"] == window.provider)]
    fired = mine["fired"].dropna()
    if not len(fired) or window.inject.fault_kind.of_process:
        return ""
    hit = {"provider": "attempt", "gateway": "request", "database": "connection"}[window.leg]
    return f", hit {quantities.plural(int(fired.sum()), hit)}"
