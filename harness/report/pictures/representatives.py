"""Which single requests are worth a look: typical, extreme and failing examples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.judge import Status
from harness.report import words
from harness.report.judged_run import JudgedRun

_FINDINGS_MAX = 8


@dataclass(frozen=True, slots=True)
class Representative:
    """A request, and what it is an example of."""

    request_id: str
    reasons: tuple[str, ...]


def representatives(run: JudgedRun) -> list[Representative]:
    """Return the examples, each request once: first those without a fault, last one for each finding."""
    table = run.journeys
    table = table[table["latency_ns"].notna()]
    exposed = table["exposed"].astype(bool)
    complete = table["complete"].astype(bool)
    skipped = table["primary_skipped"].astype(bool)
    fell_back = complete & table["fallback_overhead_ns"].notna()
    # A peer of the first provider is no fallback.
    stayed = exposed & complete & table["served_by"].notna() & ~table["by_fallback"].astype(bool)
    same = _served_where_it_began(run, table)
    picks: list[tuple[str | None, str]] = [
        (_at(table[~exposed & complete], 0.5), "typical, no fault"),
        (_at(table[stayed & same & (table["attempts"] == 1)], 0.5), "served despite the fault"),
        (_at(table[stayed & same & (table["attempts"] > 1)], 0.5), "served after retries"),
        (_at(table[stayed & ~same], 0.5), "served by a peer"),
        (_at(table[complete & skipped], 0.5), "first provider skipped"),
        (_at(table[fell_back], 0.0), "fastest fallback"),
        (_at(table[fell_back], 0.5), "median fallback"),
        (_at(table[fell_back], 1.0), "slowest fallback"),
        (_at(table[~complete], 0.5), "failed"),
    ]
    broken = [finding for finding in run.verdict.findings if finding.status is Status.FAIL and finding.requests]
    broken.sort(key=lambda finding: finding.severity != "required")
    picks += [(finding.requests[0], words.finding_name(finding.id)) for finding in broken[:_FINDINGS_MAX]]
    known = set(table["request_id"])
    chosen: dict[str, list[str]] = {}
    for request_id, reason in picks:
        if request_id in known:
            chosen.setdefault(str(request_id), []).append(reason)
    return [Representative(request_id, tuple(reasons)) for request_id, reasons in chosen.items()]


def _served_where_it_began(run: JudgedRun, table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which requests were served by the provider of their first attempt."""
    provider = run.attempts.set_index("attempt_id")["provider"].astype(object)
    began = table["first_attempt"].astype(object).map(provider)
    mask: np.ndarray[tuple[int], np.dtype[np.bool_]] = (began == table["served_by"].astype(object)).to_numpy(dtype=bool)
    return mask


def _at(table: pd.DataFrame, place: float) -> str | None:
    """Return the request at a place (0 fastest, 1 slowest) in the order of latency."""
    if table.empty:
        return None
    ordered = table.sort_values(["latency_ns", "request_id"])["request_id"]
    return str(ordered.iloc[round(place * (len(ordered) - 1))])
