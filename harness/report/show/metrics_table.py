"""The main numbers, by phase and by kind of request."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from harness import quantities
from harness.judge import RUN, Value
from harness.judge.metrics import METRICS, QUANTILES, key
from harness.report.glossary import TERMS
from harness.report.judged_run import JudgedRun
from harness.report.show.block import Block, with_interval
from harness.report.table import table

_FIRST = ("success_rate", "success_after_fallback", "latency", "fallback_overhead", "amplification")
"""The metrics that the table of numbers begins with; any others that it shows follow."""
_STATISTICS = {
    "": "",
    **{part: f" {TERMS[part]}" for part in QUANTILES},
}
"""What a column's statistic means, after what its metric means."""


def numbers(run: JudgedRun) -> Block:
    """Show the main numbers of each phase; where there are several kinds of request, those of each, and who served them."""
    columns = _columns()
    names, meanings = [name for name, _ in columns.values()], dict(columns.values())
    caption = "Numbers by phase, with 95 % intervals"
    shown = table(("phase", *names), _phases(run.metrics.phases), caption=caption, meanings=meanings)
    if run.metrics.kinds:
        rows = [[escape(kind), *row] for kind, phases in run.metrics.kinds.items() for row in _phases(phases)]
        caption = "Numbers by kind of request, with 95 % intervals"
        shown += table(("kind", "phase", *names), rows, caption=caption, meanings=meanings) + _served_by_kind(run)
    return Block(shown)


def _phases(phases: Mapping[str, Mapping[str, Value]]) -> list[list[str]]:
    """Return a row of the table of numbers for each phase."""
    rows = []
    for phase, values in phases.items():
        success = values.get("success_rate")
        # A phase without requests has no number at all: why is not left to a tooltip.
        note = f'<span class="ci">{escape(success.why)}</span>' if success is not None and success.why else ""
        name = f"<strong>{escape('whole run' if phase == RUN else phase)}</strong>{note}"
        rows.append([name, *(_number(values.get(number)) for number in _columns())])
    return rows


def _served_by_kind(run: JudgedRun) -> str:
    """Return a table of who served how many requests of each kind."""
    journeys, names = run.journeys, run.plan.chain.names
    rows = []
    for kind in run.metrics.kinds:
        own = journeys[journeys["kind"] == kind]
        done = own[own["complete"].astype(bool)]
        served = done["served_by"].astype(object).value_counts()
        counts = [len(own), *(int(served.get(name, 0)) for name in names), len(own) - len(done)]
        rows.append([escape(kind), *(quantities.count(count) if count else "" for count in counts)])
    columns = ("kind", "requests", *(f"served by {name}" for name in names), "without a complete answer")
    return table(columns, rows, caption="Who served each kind of request")


def _columns() -> dict[str, tuple[str, str]]:
    """Return the columns of the table of numbers: what each is called and means, by its name in metrics.json."""
    shown = [metric for metric in METRICS.values() if metric.shown]
    shown.sort(key=lambda metric: _FIRST.index(metric.name) if metric.name in _FIRST else len(_FIRST))
    return {
        key(metric.name, part): (f"{metric.label} {part}".strip(), metric.meaning + _STATISTICS[part])
        for metric in shown
        for part in metric.shown
    }


def _number(value: Value | None) -> str:
    if value is None or value.value is None:
        why = value.why if value is not None else ""
        return f'<span title="{escape(why)}">{quantities.MISSING}</span>' if why else quantities.MISSING
    return with_interval(quantities.amount(value.value, value.unit), quantities.interval(value.ci, value.unit))
