"""How often a request that reached a fallback got its complete answer, and who served each phase."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness import quantities
from harness.judge import Value
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, share_intervals, style
from harness.report.pictures.layout import NAME_PT, Panel
from harness.report.pictures.letters import fitted
from harness.report.pictures.picture import DETAILS, Picture, unseen
from harness.report.pictures.style import WRONG

_METRIC = "success_after_fallback"
_WHAT = "Requests that reached a fallback and got a complete answer"
_TITLE = "Complete answers after a fallback"
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
    heights_in = [share_intervals.height_in(values), _ROW_IN * len(run.plan.phases)]
    panels = layout.panels(heights_in, names=[phase.name for phase in run.plan.phases], share_x=False)
    share_intervals.draw(panels[0], run, _METRIC, values, title=_TITLE)
    _who_served(panels[1], run)
    return layout.placed(panels)


def _parts(run: JudgedRun) -> dict[str, dict[str, float]]:
    """Return, for each phase, the share of each provider's answers in the order of the chain; "" is a failure."""
    journeys = run.journeys
    complete = journeys["complete"].to_numpy(dtype=bool)
    ends = pd.Series(np.where(complete, journeys["served_by"].astype("object").fillna("?"), ""), index=journeys.index)
    parts: dict[str, dict[str, float]] = {}
    for phase in run.plan.phases:
        mine = ends[(journeys["phase"] == phase.name).to_numpy(dtype=bool)]
        shares = mine.value_counts(normalize=True)
        parts[phase.name] = {name: float(shares[name]) for name in [*run.plan.chain.names, ""] if name in shares.index}
    return parts


def _who_served(panel: Panel, run: JudgedRun) -> None:
    """Draw, for each phase, whose answer the callers got."""
    axes, parts = panel.axes, _parts(run)
    colours, looks = style.colours(run.plan), style.looks(run.plan)
    handles: dict[str, Any] = {}
    for row, (phase, shares) in enumerate(parts.items()):
        left = 0.0
        for name, part in shares.items():
            look = looks[name] if name else {**style.failed_look(WRONG), "linewidth": 0}
            (bar,) = axes.barh(row, part, left=left, height=0.62, **look)
            style.hover(bar, f"{phase}: {quantities.share(part)} {f'served by {name}' if name else 'failed'}")
            handles[name] = style.of_provider(run.plan, name) if name else style.nobody()
            if part > _LABEL_SHARE_MIN and name:
                _in_bar(axes, row, left + part / 2, part, colours[name])
            left += part
        if not shares:
            axes.text(0.005, row, share_intervals.no_value(run, phase), va="center", fontsize=9, alpha=0.75)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_yticks(range(len(parts)), [fitted(phase, NAME_PT) for phase in parts])
    axes.tick_params(axis="y", length=0)
    style.percent_ticks(axes.xaxis)
    panel.title = "Who served the requests of each phase"
    panel.handles = [handles[name] for name in [*colours, ""] if name in handles]


def _in_bar(axes: Axes, row: int, middle: float, part: float, colour: str) -> None:
    """Write a share into its bar."""
    axes.text(
        middle,
        row,
        quantities.share(part),
        ha="center",
        va="center",
        fontsize=9,
        color=style.ink_on(colour),
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.0},  # no texture behind the number
    )


def _alt(run: JudgedRun) -> str:
    served = [
        f"{phase} {quantities.listed([_in_words(name, part) for name, part in shares.items()])}"
        for phase, shares in _parts(run).items()
        if shares
    ]
    return f"{share_intervals.in_words(run, _METRIC, _values(run), title=_WHAT)} Served: {'; '.join(served)}."


def _in_words(name: str, part: float) -> str:
    return f"{name or 'nobody'} {quantities.share(part)}"


SUCCESS_AFTER_FALLBACK = Picture(
    name="success-after-fallback",
    question="Did falling back help?",
    reading=(
        "Above is how many of the requests that were sent on to a fallback got a complete answer, below whose answer the "
        "callers of each phase got."
    ),
    position=50,
    places=(DETAILS, "success-after-fallback"),
    nothing=_nothing,
    alt=_alt,
    draw=_draw,
)
