"""What falling back cost in time."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from harness import quantities
from harness.judge.intervals import quantile_interval
from harness.judge.tables import overhead
from harness.report.judged_run import JudgedRun
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block, nothing, reading, section
from harness.report.show.fallback_table import SHOWN_BY
from harness.report.table import table

_ORDINALS = ("first", "second", "third")
_NOBODY = "No request tried its first provider first and then got a complete answer from another one."
_MEANINGS = {
    "depth": "Which fallback served: the first step leads to the first one.",
    "trigger": "The failure that led away from the first provider.",
    "time of a request": "From when it was due to its end: the mean, which the columns to its right add up to, and the median.",
    "before the first attempt": "Until the chain had sent its first attempt.",
    "in failed attempts": "Until the attempt that served began, the time in which another attempt was open.",
    "waiting": "The rest of that time: the chain waited between attempts.",
    "serving": "From the start of the attempt that served to the end of the request.",
    "wasted": (
        "From the end of the first failed attempt to the start of the one that served: a chain that falls back at once does "
        "without it. As a share of all time of these requests."
    ),
}


def overhead_split(run: JudgedRun) -> Block:
    """Show what requests that a fallback served spent their time on, by depth and trigger, against those that met no fault."""
    title = "What did falling back cost?"
    if why := unseen(run):
        return nothing("overhead", title, why)
    data = run.data
    found = overhead.overhead_table(data.columns, data.journeys, data.fallbacks)
    if found.empty:
        return nothing("overhead", title, _NOBODY, shown_by=SHOWN_BY)
    base_ns = np.sort(data.journeys.latency_ns[overhead.untouched(data.columns, data.journeys)])
    columns = (
        "requests",
        "time of a request",
        "before the first attempt",
        "in failed attempts",
        "waiting",
        "serving",
        "wasted",
    )
    parts = [reading(_compared(found, base_ns))]
    for key, name in (("depth", "depth"), ("trigger", "trigger"), ("served_by", "provider that served")):
        split = overhead.overhead_by(found, key)
        rows = [[_named(key, row[key]), *_cells(row)] for row in split.to_dict("records")]
        if len(rows) > 1 or key == "depth":
            parts.append(table((name, *columns), rows, caption=f"By {name}", meanings=_MEANINGS))
    return section("overhead", title, *parts, *_unserved(run))


def _compared(found: pd.DataFrame, base_ns: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Return the median time of those that fell back, that of those without a fault, and what was wasted."""
    own_ns = np.sort(found["total_ns"].to_numpy(dtype=float))
    text = f"{quantities.plural(len(own_ns), 'request')} fell back and took {_median(own_ns)}"
    if len(base_ns):
        extra = quantities.duration(float(np.median(own_ns) - np.median(base_ns)))
        text += f"; the {quantities.plural(len(base_ns), 'request')} of this run that met no fault took {_median(base_ns)}: {extra} less."
    else:
        text += "; no request of this run met no fault, so that there is nothing to compare them with."
    wasted = float(found["avoidable_ns"].sum() / found["total_ns"].sum())
    return f"{text} {quantities.share(wasted)} of their time was wasted: their first attempt had failed, and the one that served had not begun."


def _median(ordered_ns: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    """Return the median of sorted times with its 95 % interval."""
    around = quantities.interval(quantile_interval(ordered_ns, 0.5), "ns")
    return f"{quantities.duration(float(np.median(ordered_ns)))} in the median" + (f" ({around})" if around else "")


def _named(key: str, value: Any) -> str:
    if key != "depth":
        return escape(str(value))
    name = _ORDINALS[value - 1] if 1 <= value <= len(_ORDINALS) else f"{value}th"
    return f"{name} fallback"


def _cells(row: Mapping[Any, Any]) -> list[str]:
    parts = [quantities.duration(row[name]) if row[name] > 0 else "" for name in ("before_ns", *overhead.PARTS)]
    median = f'<span class="ci">median {quantities.duration(row["p50_ns"])}</span>'
    return [
        quantities.count(row["requests"]),
        quantities.duration(row["total_ns"]) + median,
        *parts,
        quantities.share(row["wasted"]),
    ]


def _unserved(run: JudgedRun) -> list[str]:
    """Return what falling back cost those who were not served after it: all their time."""
    journeys, requests = run.data.journeys, run.data.columns.requests
    lost = journeys.reached_fallback & ~requests.complete & ~run.data.columns.rewritten
    if not lost.any():
        return []
    spent_ns = np.sort(journeys.latency_ns[lost])
    text = f"{quantities.plural(int(lost.sum()), 'more request')} reached a fallback and got no complete answer, after {_median(spent_ns)}: all of that time was wasted."
    return [reading(text)]
