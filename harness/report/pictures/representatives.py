"""Which single requests are worth a look: typical, extreme and failing examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from harness.judge import Status
from harness.judge.tables.columns import Bools
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
    table = _by_latency(run.journeys)
    exposed, complete, skipped, by_fallback = (
        table[column].to_numpy(dtype=bool) for column in ("exposed", "complete", "primary_skipped", "by_fallback")
    )
    tries = table["attempts"].to_numpy()
    fell_back = complete & table["fallback_overhead_ns"].notna().to_numpy()
    # A peer of the first provider is no fallback.
    stayed = exposed & complete & table["served_by"].notna().to_numpy() & ~by_fallback
    same = _served_where_it_began(run, table)
    ids = table["request_id"].to_numpy(dtype=object)
    picks: list[tuple[str | None, str]] = [
        (_at(ids, ~exposed & complete, 0.5), "typical, no fault"),
        (_at(ids, stayed & same & (tries == 1), 0.5), "served despite the fault"),
        (_at(ids, stayed & same & (tries > 1), 0.5), "served after retries"),
        (_at(ids, stayed & ~same, 0.5), "served by a peer"),
        (_at(ids, complete & skipped, 0.5), "first provider skipped"),
        (_at(ids, fell_back, 0.0), "fastest fallback"),
        (_at(ids, fell_back, 0.5), "median fallback"),
        (_at(ids, fell_back, 1.0), "slowest fallback"),
        (_at(ids, ~complete, 0.5), "failed"),
    ]
    broken = [finding for finding in run.verdict.findings if finding.status is Status.FAIL and finding.requests]
    broken.sort(key=lambda finding: finding.severity != "required")
    picks += [(finding.requests[0], words.finding_name(finding.id)) for finding in broken[:_FINDINGS_MAX]]
    known = set(ids)
    chosen: dict[str, list[str]] = {}
    for request_id, reason in picks:
        if request_id in known:
            chosen.setdefault(str(request_id), []).append(reason)
    return [Representative(request_id, tuple(reasons)) for request_id, reasons in chosen.items()]


def _by_latency(journeys: pd.DataFrame) -> pd.DataFrame:
    """Return what is asked of the requests that ended, fastest first, those of one latency by their ids."""
    columns = ["request_id", "latency_ns", "exposed", "complete", "primary_skipped", "by_fallback", "attempts"]
    table = journeys.loc[
        journeys["latency_ns"].notna(), [*columns, "fallback_overhead_ns", "served_by", "first_attempt"]
    ]
    ids = table["request_id"].to_numpy(dtype=object).astype(str)
    return table.iloc[np.lexsort((ids, table["latency_ns"].to_numpy(dtype=float)))]


def _served_where_it_began(run: JudgedRun, table: pd.DataFrame) -> Bools:
    """Return which requests were served by the provider of their first attempt."""
    attempts = run.attempts
    provider = pd.Series(attempts["provider"].astype(object).array, index=attempts["attempt_id"].astype(object))
    began = table["first_attempt"].astype(object).map(provider)
    mask: Bools = (began == table["served_by"].astype(object)).to_numpy(dtype=bool)
    return mask


def _at(ids: np.ndarray[Any, Any], chosen: Bools, place: float) -> str | None:
    """Return the request at a place (0 fastest, 1 slowest) of those chosen; ids are in the order of latency."""
    places = np.flatnonzero(chosen)
    return str(ids[places[round(place * (len(places) - 1))]]) if len(places) else None
