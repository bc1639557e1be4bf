"""How often callers got their whole answer, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.judge import Status, Value
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.style import GOOD, INK, UNKNOWN, WRONG

_COLOURS = {Status.PASS: GOOD, Status.FAIL: WRONG, Status.INCONCLUSIVE: UNKNOWN}
_MARKERS = {Status.PASS: "o", Status.FAIL: "X", Status.INCONCLUSIVE: "D"}
_WORDS = {Status.PASS: "PASS", Status.FAIL: "FAIL", Status.INCONCLUSIVE: "NOT ENOUGH DATA"}


@style.styled
def phase_ci(run: JudgedRun) -> Figure:
    """Draw the success rate of each phase with its interval, against what was expected of it."""
    values = {phase.name: run.metrics.phases.get(phase.name, {}).get("success_rate") for phase in run.plan.phases}
    return _intervals(run, values, "success_rate", "requests whose whole answer arrived")


@style.styled
def success_after_fallback(run: JudgedRun) -> Figure:
    """Draw how often requests that reached a fallback succeeded, and who served all requests of each phase."""
    if run.blind:
        return style.in_words(style.UNSEEN)
    values = {
        phase.name: value
        for phase in run.plan.phases
        if (value := run.metrics.phases.get(phase.name, {}).get("success_after_fallback")) is not None and value.samples
    }
    if not values:
        return style.in_words("No request reached a fallback in this run, so success after fallback has no value here.")
    return _intervals(
        run, values, "success_after_fallback", "requests that reached a fallback and got their whole answer", ends=True
    )


def _intervals(
    run: JudgedRun, values: Mapping[str, Value | None], metric: str, what: str, *, ends: bool = False
) -> Figure:
    rows = 0.36 * len(values)
    end_rows = 0.4 * len(run.plan.phases)
    figure = style.canvas(1.15 + rows + (0.95 + end_rows if ends else 0))
    if ends:
        axes, below = figure.subplots(2, 1, height_ratios=[rows, end_rows])
        _ends(below, run)
    else:
        axes = figure.subplots()
    answers = {line.phase: line for line in run.verdict.expectations if line.metric == metric}
    targets = {line.phase: line.target for line in run.plan.expectations if line.metric == metric and line.target}
    known = {name: value for name, value in values.items() if value is not None and value.value is not None}
    lows = [value.ci[0] if value.ci else value.value or 0.0 for value in known.values()]
    low = min([*lows, *targets.values(), 0.99])
    low = max(0.0, low - 0.15 * (1 - low))
    axes.set_xlim(low, 1 + 0.02 * (1 - low))
    said = [answers[name].status for name in (*values, None) if name in answers]
    word_pt = 7.4 * max((len(_WORDS[status]) + 2 for status in said), default=0)
    lines = []
    for row, (name, value) in enumerate(values.items()):
        answer = answers.get(name, answers.get(None))
        target = targets.get(name, targets.get(None))
        status = answer.status if answer else None
        _interval(axes, row, value, status=status, target=target, word_pt=word_pt)
        lines.append(f"{name} {words.with_interval(value)}{' ' + _WORDS[status] if status else ''}")
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_yticks(range(len(values)), [words.shortened(name, 20) for name in values])
    axes.tick_params(axis="y", length=0)
    style.percent_ticks(axes.xaxis)
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.grid(visible=True, axis="x")
    style.headline(axes, f"{what[0].upper()}{what[1:]}, with 95 % interval")
    figure.set_label(f"{what[0].upper()}{what[1:]}: {'; '.join(lines)}.")
    return figure


def _interval(
    axes: Axes, row: int, value: Value | None, *, status: Status | None, target: float | None, word_pt: float
) -> None:
    text = "no request"
    colour = _COLOURS[status] if status else style.PROVIDERS[0]
    if value is not None and value.value is not None:
        low, high = value.ci or (value.value, value.value)
        axes.plot([low, high], [row, row], color=colour, linewidth=4, solid_capstyle="butt", alpha=0.55)
        marker = _MARKERS[status] if status else "o"
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
        text = f"{words.share(value.value)}  ({words.interval(value.ci, 'share')}, n = {words.count(value.samples)})"
    if target is not None:
        axes.plot([target, target], [row - 0.42, row + 0.42], color=INK, linewidth=1.6, linestyle=(0, (2, 1.5)))
        text += f", wanted {words.share(target)}"
    beside: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 9,
    }
    axes.annotate(text, (1, row), (14 + word_pt, 0), **beside)
    if status is not None:
        axes.annotate(_WORDS[status], (1, row), (14, 0), fontweight="bold", color=colour, **beside)


def _ends(axes: Axes, run: JudgedRun) -> None:
    """Draw, for each phase, who gave the answer in the end."""
    journeys = run.journeys
    colours = style.colours(run.plan)
    complete = journeys["complete"].to_numpy(dtype=bool)
    ends = pd.Series(np.where(complete, journeys["served_by"].astype("object").fillna("?"), ""), index=journeys.index)
    handles: dict[str, Any] = {}
    for row, phase in enumerate(run.plan.phases):
        mine = ends[(journeys["phase"] == phase.name).to_numpy(dtype=bool)]
        left = 0.0
        for name in [*colours, ""]:
            part = float((mine == name).mean()) if len(mine) else 0.0
            if part == 0:
                continue
            look: dict[str, Any] = {"color": colours[name]} if name else style.failed_look(WRONG)
            axes.barh(row, part, left=left, height=0.62, linewidth=0, **look)
            handles[name] = (
                style.swatch(colours[name], words.shortened(name))
                if name
                else style.swatch(WRONG, "nobody: failed", failed=True)
            )
            if part > 0.09 and name:
                axes.text(
                    left + part / 2,
                    row,
                    words.share(part),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color=_on(colours[name]),
                )
            left += part
    axes.set_xlim(0, 1)
    axes.set_ylim(len(run.plan.phases) - 0.5, -0.5)
    axes.set_yticks(range(len(run.plan.phases)), [words.shortened(phase.name, 20) for phase in run.plan.phases])
    axes.tick_params(axis="y", length=0)
    style.percent_ticks(axes.xaxis)
    shown = [handles[name] for name in [*colours, ""] if name in handles]
    style.headline(axes, "Who served all requests of the phase", shown, width_pt=470)


def _on(colour: str) -> str:
    """Return white or black, whichever can be read on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else "#111111"
