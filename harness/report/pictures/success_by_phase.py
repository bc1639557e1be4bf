"""How often callers got their complete answer, phase by phase."""

from __future__ import annotations

from matplotlib.figure import Figure

from harness.judge import Value
from harness.report.judged_run import JudgedRun
from harness.report.pictures import layout, share_intervals
from harness.report.pictures.picture import DETAILS, Picture

_METRIC = "success_rate"
_WHAT = "Requests with a complete answer"


def _values(run: JudgedRun) -> dict[str, Value | None]:
    return {phase.name: run.metrics.phases.get(phase.name, {}).get(_METRIC) for phase in run.plan.phases}


def _draw(run: JudgedRun) -> Figure:
    values = _values(run)
    panels = layout.panels([share_intervals.height_in(values)], y_ticks=False)
    share_intervals.draw(panels[0], run, _METRIC, values, title=_WHAT)
    return layout.placed(panels)


def _alt(run: JudgedRun) -> str:
    return share_intervals.in_words(run, _METRIC, _values(run), title=_WHAT)


SUCCESS_BY_PHASE = Picture(
    name="success-by-phase",
    question="Did callers get their answer?",
    reading=(
        "The bar is the range in which the true rate lies with 95 % certainty: right of the dashed limit the expectation "
        "passes, left of it it fails, and across it more requests are needed."
    ),
    position=20,
    places=(DETAILS, "success-after-fallback"),
    nothing=lambda _: "",
    alt=_alt,
    draw=_draw,
)
