"""A share for each phase, with its 95 % interval, against what was expected of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.ticker import MaxNLocator

from harness import quantities
from harness.judge import Status, Value
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.layout import Panel
from harness.report.pictures.letters import fitted, width_pt
from harness.report.pictures.style import GOOD, INK, UNKNOWN, WRONG

_COLOURS = {Status.PASS: GOOD, Status.FAIL: WRONG, Status.INCONCLUSIVE: UNKNOWN}
_MARKERS = {Status.PASS: "o", Status.FAIL: "X", Status.INCONCLUSIVE: "D"}
_ROW_IN = 0.46
_LEAST = 0.05
"""The axis covers at least five percentage points: an interval of a thousandth is not blown up to a finding."""
_TARGET_SHARE = 0.1
"""What lies beyond a limit takes at least so much of the axis, or the limit would be at its end."""

SharesByPhase = Mapping[str, Value | None]


def height_in(values: SharesByPhase) -> float:
    """Return the height that the rows need."""
    return _ROW_IN * len(values)


def draw(panel: Panel, run: JudgedRun, metric: str, values: SharesByPhase, *, title: str) -> None:
    """Draw one row for each phase.

    Args:
        panel: Where.
        run: Its expectations give the limits and their answers.
        metric: Whose values they are.
        values: By phase; None where there is none.
        title: What the share is of.
    """
    axes = panel.axes
    answers = {line.phase: line.status for line in run.verdict.expectations if line.metric == metric}
    targets = {line.phase: line.target for line in run.plan.expectations if line.metric == metric and line.target}
    low = axis_low(values, targets.values())
    margin = 0.02 * (1 - low)  # a marker at 0 % or 100 % is clear of the edge
    axes.set_xlim(low - margin, 1 + margin)
    for row, (name, value) in enumerate(values.items()):
        status = answers.get(name, answers.get(None))
        target = targets.get(name, targets.get(None))
        _row(panel, row, name, value, status=status, target=target, none=no_value(run, name))
    axes.set_ylim(len(values) - 0.55, -0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    style.percent_ticks(axes.xaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(visible=True, axis="x")
    panel.title = f"{title} (95 % interval)"


def axis_low(values: SharesByPhase, targets: Iterable[float]) -> float:
    """Return where an axis of shares begins; it ends at 100 %."""
    limits = list(targets)
    known = [value for value in values.values() if value is not None and value.value is not None]
    lows = [value.ci[0] if value.ci and value.ci[0] is not None else value.value or 0.0 for value in known]
    least = min([_LEAST, *((1 - limit) / _TARGET_SHARE for limit in limits if limit < 1)])
    low = min([*lows, *limits, 1 - least])
    return max(0.0, low - 0.15 * (1 - low))


def no_value(run: JudgedRun, phase: str) -> str:
    """Return why a phase has no share of complete answers: it had no request, or was never begun."""
    value = run.metrics.phases.get(phase, {}).get("success_rate")
    return value.why if value is not None and value.why else "no requests"


def _row(
    panel: Panel, row: int, name: str, value: Value | None, *, status: Status | None, target: float | None, none: str
) -> None:
    axes = panel.axes
    text = none
    colour = _COLOURS[status] if status else style.PROVIDERS[0]
    if value is not None and value.value is not None:
        low, high = value.ci or (value.value, value.value)
        marker = _MARKERS[status] if status else "o"
        axes.plot([low, high], [row, row], color=colour, linewidth=4, solid_capstyle="butt", alpha=0.55)
        axes.plot(
            [value.value],
            [row],
            marker=marker,
            color=colour,
            markersize=9,
            markeredgecolor=style.PAPER,
            clip_on=False,
            zorder=4,
        )
        text = f"{quantities.share(value.value)}  ({quantities.interval(value.ci, 'share')}, n = {quantities.count(value.samples)})"
    if target is not None:
        axes.plot([target, target], [row - 0.25, row + 0.3], color=INK, linewidth=1.6, linestyle=(0, (2, 1.5)))
        text += f", limit {quantities.exact(target, 'share')}"
    above: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 9,
    }
    word = words.WORDS[status] if status else ""
    shown = fitted(name, panel.width_pt - width_pt(text) - width_pt(word, bold=True) - 24)
    axes.annotate(shown, (0, row - 0.45), (0, 0), fontweight="bold", **above)
    axes.annotate(text, (0, row - 0.45), (width_pt(shown, bold=True) + 8, 0), **above)
    if word:
        axes.annotate(word, (1, row - 0.45), (0, 0), ha="right", fontweight="bold", color=colour, **above)


def in_words(run: JudgedRun, metric: str, values: SharesByPhase, *, title: str) -> str:
    """Return the rows as a sentence."""
    answers = {line.phase: line.status for line in run.verdict.expectations if line.metric == metric}
    lines = []
    for name, value in values.items():
        status = answers.get(name, answers.get(None))
        shown = words.with_interval(value) if value is not None and value.value is not None else no_value(run, name)
        lines.append(f"{name} {shown}{' ' + words.WORDS[status] if status else ''}")
    return f"{title}: {'; '.join(lines)}."
