"""How often callers got their complete answer, phase by phase."""

from __future__ import annotations

from matplotlib.figure import Figure

from harness.judge import Value
from harness.report.judged_run import JudgedRun
from harness.report.pictures import share_intervals, style
from harness.report.pictures.picture import DETAILS, Picture

_METRIC = "success_rate"
_WHAT = "Requests with a complete answer"


def _values(run: JudgedRun) -> dict[str, Value | None]:
    return {phase.name: run.metrics.phases.get(phase.name, {}).get(_METRIC) for phase in run.plan.phases}


def _draw(run: JudgedRun) -> Figure:
    values = _values(run)
    figure = style.canvas(1.15 + share_intervals.height_in(values))
    share_intervals.draw(figure.subplots(), run, _METRIC, values, title=_WHAT)
    return figure


def _alt(run: JudgedRun) -> str:
    return share_intervals.in_words(run, _METRIC, _values(run), title=_WHAT)


SUCCESS_BY_PHASE = Picture(
    name="success-by-phase",
    question="Did callers get their answer?",
    reading=(
        "The bar is the range in which the true rate lies with 95 % certainty. The expectation passes if all of the bar is "
        "right of the dashed line, and fails if all of it is left; if the line crosses it, more requests are needed."
    ),
    position=20,
    places=(DETAILS, "success-after-fallback"),
    nothing=lambda _: "",
    alt=_alt,
    draw=_draw,
)
