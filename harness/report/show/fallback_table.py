"""Which provider took over from which, and why."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from harness import quantities
from harness.judge.tables.fallbacks import RESULTS
from harness.report.judged_run import JudgedRun
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block
from harness.report.table import table

_STEPS_MAX = 20
_OF_FALLBACKS = {
    "trigger": (
        "The failure after which another provider was tried: its class and status. Skipped: the request began there. Hedge: "
        "the attempt before was still open. Answered: the attempt before had succeeded."
    ),
    "unused": "It had an answer, or was still waiting for one, when another provider's answer was used.",
    "median wait": "From the end of the failed attempt to the start of the next one.",
}


def fallbacks(run: JudgedRun) -> Block:
    """Show which provider took over from which, what triggered it, and how it ended; or why there is nothing to show."""
    head = "<h2>Why were other providers tried?</h2>"
    if why := unseen(run) or ("" if len(run.fallbacks) else "No request went from one provider to another."):
        return Block(f'{head}<p class="nothing">{escape(why)}</p>')
    keys = ["from_provider", "to_provider", "trigger", "status"]
    groups = [*run.fallbacks.groupby(keys, observed=True, dropna=False)]
    groups.sort(key=lambda each: -len(each[1]))
    rows = [_fallback(key, steps) for key, steps in groups[:_STEPS_MAX]]
    more = len(groups) - len(rows)
    rest = f'<p class="nothing">{quantities.plural(more, "rarer kind")} of step not shown</p>' if more else ""
    columns = ("from", "to", "trigger", "fallbacks", *RESULTS, "median wait")
    return Block(head + table(columns, rows, caption="Fallbacks", meanings=_OF_FALLBACKS) + rest)


def _fallback(key: tuple[str, str, str, Any], steps: pd.DataFrame) -> list[str]:
    left, right, trigger, status = key
    ended = steps["result"].value_counts()
    waits_ns = steps["wait_ns"].dropna()
    return [
        escape(left),
        escape(right),
        escape(trigger if pd.isna(status) else f"{trigger} {status}"),
        quantities.count(len(steps)),
        *(quantities.count(int(ended[result])) if ended[result] else "" for result in RESULTS),
        quantities.duration(float(waits_ns.median())) if len(waits_ns) else "",
    ]
