"""Which requests are worth a look: usual ones, the extremes, and one for each thing that was found."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.judge import Status
from harness.report.judged_run import JudgedRun

_FINDINGS_MAX = 8


@dataclass(frozen=True, slots=True)
class Representative:
    """A request, and why it was chosen."""

    request_id: str
    why: str


def representatives(run: JudgedRun) -> list[Representative]:
    """Return the requests that together tell the run, each once, in the order of the story."""
    table = run.journeys
    table = table[table["latency_ns"].notna()]
    exposed = table["exposed"].astype(bool)
    complete = table["complete"].astype(bool)
    fell_back = complete & table["fallback_overhead_ns"].notna()
    picks: list[tuple[str | None, str]] = [
        (_at(table[~exposed & complete], 0.5), "usual, no fault"),
        (_at(table[exposed & complete & ~fell_back], 0.5), "sat the fault out"),
        (_at(table[fell_back], 0.0), "fastest fallback"),
        (_at(table[fell_back], 0.5), "median fallback"),
        (_at(table[fell_back], 1.0), "slowest fallback"),
        (_at(table[~complete], 0.5), "failed"),
    ]
    broken = [finding for finding in run.verdict.findings if finding.status is Status.FAIL and finding.requests]
    broken.sort(key=lambda finding: finding.severity != "required")
    picks += [(finding.requests[0], finding.id) for finding in broken[:_FINDINGS_MAX]]
    known = set(table["request_id"])
    chosen: dict[str, list[str]] = {}
    for request_id, why in picks:
        if request_id in known:
            chosen.setdefault(str(request_id), []).append(why)
    return [Representative(request_id, ", ".join(whys)) for request_id, whys in chosen.items()]


def _at(table: pd.DataFrame, place: float) -> str | None:
    """Return the request at a place (0 fastest, 1 slowest) in the order of latency."""
    if table.empty:
        return None
    ordered = table.sort_values(["latency_ns", "request_id"])["request_id"]
    return str(ordered.iloc[round(place * (len(ordered) - 1))])
