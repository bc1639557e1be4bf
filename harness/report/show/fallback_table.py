"""Which provider took over from which, and why: in groups, and one by one."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from harness import quantities
from harness.judge.tables.fallbacks import RESULTS
from harness.report.judged_run import JudgedRun
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block, nothing, section
from harness.report.table import table

SHOWN_BY = "harness run scenarios/primary-429.yaml"
NO_STEP = "No request went from one provider to another."
_ROWS_MAX = 20
_TITLE = "Why were other providers tried?"
_OF_FALLBACKS = {
    "trigger": (
        "The failure after which another provider was tried: its class and status. Skipped: the request began there. Hedge: "
        "the attempt before was still open. Answered: the attempt before had succeeded."
    ),
    "unused": "It had an answer, or was still waiting for one, when another provider's answer was used.",
    "median wait": "From the end of the failed attempt to the start of the next one.",
    "extra wait": "From the end of the failed attempt to the start of the next one.",
}


def fallbacks(run: JudgedRun) -> Block:
    """Show which provider took over from which, what triggered it, and how it ended; or why there is nothing to show.

    First in groups, then the first steps one by one.
    """
    if why := unseen(run):
        return nothing("fallbacks", _TITLE, why)
    if run.fallbacks.empty:
        return nothing("fallbacks", _TITLE, NO_STEP, shown_by=SHOWN_BY)
    return section("fallbacks", _TITLE, _in_groups(run.fallbacks), _one_by_one(run.fallbacks))


def _in_groups(steps: pd.DataFrame) -> str:
    keys = ["from_provider", "to_provider", "trigger", "status"]
    groups = [*steps.groupby(keys, observed=True, dropna=False)]
    groups.sort(key=lambda each: -len(each[1]))
    rows = [_group(key, mine) for key, mine in groups[:_ROWS_MAX]]
    more = len(groups) - len(rows)
    rest = f'<p class="nothing">{quantities.plural(more, "rarer kind")} of step not shown</p>' if more else ""
    columns = ("from", "to", "trigger", "fallbacks", *RESULTS, "median wait")
    return table(columns, rows, caption="Fallbacks", meanings=_OF_FALLBACKS) + rest


def _group(key: tuple[str, str, str, Any], steps: pd.DataFrame) -> list[str]:
    left, right, trigger, status = key
    ended = steps["result"].value_counts()
    waits_ns = steps["wait_ns"].dropna()
    return [
        escape(left),
        escape(right),
        escape(_trigger(trigger, status)),
        quantities.count(len(steps)),
        *(quantities.count(int(ended[result])) if ended[result] else "" for result in RESULTS),
        quantities.duration(float(waits_ns.median())) if len(waits_ns) else "",
    ]


def _one_by_one(steps: pd.DataFrame) -> str:
    """Return the first steps, each in a row; where all of them can be had is written below."""
    shown = steps.sort_values("start_ns", kind="stable").head(_ROWS_MAX)
    rows = [_step(step) for step in shown.to_dict("records")]
    columns = ("time", "request", "trigger", "from", "to", "result", "extra wait")
    caption = "Each fallback" if len(shown) == len(steps) else f"The first {len(shown)} fallbacks"
    more = len(steps) - len(shown)
    rest = f"{quantities.count(more)} more, and all as CSV: " if more else "As CSV: "
    command = "<code>harness export RUN --format csv</code> (fallbacks.csv)"
    return table(columns, rows, caption=caption, meanings=_OF_FALLBACKS) + f'<p class="nothing">{rest}{command}</p>'


def _step(step: dict[Any, Any]) -> list[str]:
    return [
        quantities.duration(step["start_ns"]),
        f"<code class='id'>{escape(step['request_id'])}</code>",
        escape(_trigger(step["trigger"], step["status"])),
        escape(step["from_provider"]),
        escape(step["to_provider"]),
        escape(step["result"]),
        "" if pd.isna(step["wait_ns"]) else quantities.duration(step["wait_ns"]),
    ]


def _trigger(trigger: str, status: Any) -> str:
    return trigger if pd.isna(status) else f"{trigger} {status}"
