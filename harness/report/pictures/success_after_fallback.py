"""How often a request that reached a fallback got its complete answer, and who served each phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness import quantities
from harness.judge import Value
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures import share_intervals, style
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.style import WRONG

_METRIC = "success_after_fallback"
_WHAT = "Requests that reached a fallback and got a complete answer"
_ROW_IN = 0.4
_LABEL_SHARE_MIN = 0.09


def _values(run: JudgedRun) -> dict[str, Value | None]:
    return {
        phase.name: value
        for phase in run.plan.phases
        if (value := run.metrics.phases.get(phase.name, {}).get(_METRIC)) is not None and value.samples
    }


def _nothing(run: JudgedRun) -> str:
    if why := unseen(run):
        return why
    return "" if _values(run) else "No request reached a fallback in this run."


def _draw(run: JudgedRun) -> Figure:
    values = _values(run)
    above_in, below_in = share_intervals.height_in(values), _ROW_IN * len(run.plan.phases)
    figure = style.canvas(2.1 + above_in + below_in)
    above, below = figure.subplots(2, 1, height_ratios=[above_in, below_in])
    share_intervals.draw(above, run, _METRIC, values, title=_WHAT)
    _who_served(below, run)
    return figure


def _who_served(axes: Axes, run: JudgedRun) -> None:
    """Draw, for each phase, whose answer the callers got."""
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
            handles[name] = style.swatch(colours[name], words.shortened(name)) if name else style.nobody()
            if part > _LABEL_SHARE_MIN and name:
                _in_bar(axes, row, left + part / 2, part, colours[name])
            left += part
        if not len(mine):
            axes.text(0.005, row, share_intervals.no_value(run, phase.name), va="center", fontsize=9, alpha=0.75)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(run.plan.phases) - 0.5, -0.5)
    axes.set_yticks(range(len(run.plan.phases)), [words.shortened(phase.name, 20) for phase in run.plan.phases])
    axes.tick_params(axis="y", length=0)
    style.percent_ticks(axes.xaxis)
    shown = [handles[name] for name in [*colours, ""] if name in handles]
    style.headline(axes, "Who served the requests of each phase", shown, width_pt=470)


def _in_bar(axes: Axes, row: int, middle: float, part: float, colour: str) -> None:
    """Write a share into its bar."""
    axes.text(middle, row, quantities.share(part), ha="center", va="center", fontsize=8.5, color=style.ink_on(colour))


def _alt(run: JudgedRun) -> str:
    return share_intervals.in_words(run, _METRIC, _values(run), title=_WHAT)


SUCCESS_AFTER_FALLBACK = Picture(
    name="success-after-fallback",
    question="Did falling back help?",
    reading=(
        "Above: of the requests that were sent on to a fallback, how many got a complete answer. Below: whose answer the "
        "callers of each phase got."
    ),
    position=50,
    places=(DETAILS, "success-after-fallback"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
