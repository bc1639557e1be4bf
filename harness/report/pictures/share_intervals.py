"""A share for each phase, with its 95 % interval, against what was expected of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from harness import quantities
from harness.judge import Status, Value
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.style import GOOD, INK, UNKNOWN, WRONG

_COLOURS = {Status.PASS: GOOD, Status.FAIL: WRONG, Status.INCONCLUSIVE: UNKNOWN}
_MARKERS = {Status.PASS: "o", Status.FAIL: "X", Status.INCONCLUSIVE: "D"}
_ROW_IN = 0.36
_LETTER_PT = 7.4

SharesByPhase = Mapping[str, Value | None]


def height_in(values: SharesByPhase) -> float:
    """Return the height that the rows need."""
    return _ROW_IN * len(values)


def draw(axes: Axes, run: JudgedRun, metric: str, values: SharesByPhase, *, title: str) -> None:
    """Draw one row for each phase.

    Args:
        axes: Where.
        run: Its expectations give the limits and their answers.
        metric: Whose values they are.
        values: By phase; None where there is none.
        title: What the share is of.
    """
    answers = {line.phase: line.status for line in run.verdict.expectations if line.metric == metric}
    targets = {line.phase: line.target for line in run.plan.expectations if line.metric == metric and line.target}
    known = [value for value in values.values() if value is not None and value.value is not None]
    lows = [value.ci[0] if value.ci else value.value or 0.0 for value in known]
    low = min([*lows, *targets.values(), 0.99])
    low = max(0.0, low - 0.15 * (1 - low))
    margin = 0.02 * (1 - low)  # a marker at 0 % is clear of the names
    axes.set_xlim(low - margin, 1 + margin)
    shown = [answers[name] for name in (*values, None) if name in answers]
    word_pt = _LETTER_PT * max((len(words.WORDS[status]) + 2 for status in shown), default=0)
    for row, (name, value) in enumerate(values.items()):
        status = answers.get(name, answers.get(None))
        target = targets.get(name, targets.get(None))
        _row(axes, row, value, status=status, target=target, word_pt=word_pt, none=no_value(run, name))
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_yticks(range(len(values)), [words.shortened(name, 20) for name in values])
    axes.tick_params(axis="y", length=0)
    style.percent_ticks(axes.xaxis)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(visible=True, axis="x")
    style.headline(axes, f"{title}, with 95 % interval")


def no_value(run: JudgedRun, phase: str) -> str:
    """Return why a phase has no share of complete answers: it had no request, or was never begun."""
    value = run.metrics.phases.get(phase, {}).get("success_rate")
    return value.why if value is not None and value.why else "no requests"


def _row(
    axes: Axes, row: int, value: Value | None, *, status: Status | None, target: float | None, word_pt: float, none: str
) -> None:
    text = none
    colour = _COLOURS[status] if status else style.PROVIDERS[0]
    if value is not None and value.value is not None:
        low, high = value.ci or (value.value, value.value)
        axes.plot([low, high], [row, row], color=colour, linewidth=4, solid_capstyle="butt", alpha=0.55)
        axes.plot(
            [value.value],
            [row],
            marker=_MARKERS[status] if status else "o",
            color=colour,
            markersize=9,
            markeredgecolor=style.PAPER,
            clip_on=False,
            zorder=4,
        )
        text = f"{quantities.share(value.value)}  ({quantities.interval(value.ci, 'share')}, n = {quantities.count(value.samples)})"
    if target is not None:
        axes.plot([target, target], [row - 0.42, row + 0.42], color=INK, linewidth=1.6, linestyle=(0, (2, 1.5)))
        text += f", limit {quantities.share(target)}"
    beside: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 9,
    }
    axes.annotate(text, (1, row), (14 + word_pt, 0), **beside)
    if status is not None:
        axes.annotate(words.WORDS[status], (1, row), (14, 0), fontweight="bold", color=colour, **beside)


def in_words(run: JudgedRun, metric: str, values: SharesByPhase, *, title: str) -> str:
    """Return the rows as a sentence."""
    answers = {line.phase: line.status for line in run.verdict.expectations if line.metric == metric}
    lines = []
    for name, value in values.items():
        status = answers.get(name, answers.get(None))
        shown = words.with_interval(value) if value is not None and value.value is not None else no_value(run, name)
        lines.append(f"{name} {shown}{' ' + words.WORDS[status] if status else ''}")
    return f"{title}: {'; '.join(lines)}."
