"""Every request of a run as a point: when it was due, how long its caller waited, who served it, and its story in a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.report.judged_run import JudgedRun
from harness.report.pictures import style

NOBODY = "nobody"
OUTCOMES = ("complete answer", "incomplete answer", "error", "caller left", "never sent")
"""What callers got, in the order of `Points.codes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The requests of a run, in the order in which they were due; those without a latency are left out.

    Attributes:
        ids: Of the requests.
        seconds: Two columns: due since the run's origin, and latency, in seconds.
        codes: Five columns, each a place in one of the lists below: who served, outcome, phase, kind, route.
        served: Names of those who serve, the last one for nobody.
        colours: One for each of these.
        phases: Names.
        kinds: Names.
        routes: Who was asked, in order, and how that ended.
        faults: Beginning and end of each fault, in seconds.
    """

    ids: tuple[str, ...]
    seconds: npt.NDArray[np.float32]
    codes: npt.NDArray[np.uint32]
    served: tuple[str, ...]
    colours: tuple[str, ...]
    phases: tuple[str, ...]
    kinds: tuple[str, ...]
    routes: tuple[str, ...]
    faults: tuple[tuple[float, float], ...]

    @property
    def names(self) -> dict[str, Any]:
        """All but the numbers, as plain data."""
        texts = {name: list(getattr(self, name)) for name in ("ids", "served", "colours", "phases", "kinds", "routes")}
        return {**texts, "outcomes": list(OUTCOMES), "faults": [list(each) for each in self.faults]}


def points(run: JudgedRun) -> Points:
    """Return the requests of a run as points."""
    table = run.requests[["request_id", "phase", "kind", "outcome", "complete", "served_by", "scheduled_ns"]]
    table = table.merge(run.journeys[["request_id", "latency_ns"]], on="request_id", how="left")
    table = table[table["latency_ns"].notna()].sort_values("scheduled_ns", kind="stable")
    colours = style.colours(run.plan)
    complete = table["complete"].to_numpy(dtype=bool)
    named = table["served_by"].astype(object).where(complete, NOBODY).fillna(NOBODY).tolist()
    others = sorted(set(named) - {*colours, NOBODY})
    served = (*colours, *others, NOBODY)
    ids = tuple(table["request_id"].astype(str))
    routes = _routes(run.attempts, ids)
    columns = [
        (named, served),
        ([OUTCOMES[_outcome(*each)] for each in zip(table["outcome"], complete, strict=True)], OUTCOMES),
        (table["phase"].astype(str).tolist(), tuple(dict.fromkeys(table["phase"].astype(str)))),
        (table["kind"].astype(str).tolist(), tuple(dict.fromkeys(table["kind"].astype(str)))),
        (routes, tuple(dict.fromkeys(routes))),
    ]
    return Points(
        ids=ids,
        seconds=(table[["scheduled_ns", "latency_ns"]].to_numpy(dtype=float) / 1e9).astype(np.float32),
        codes=np.stack([_places(values, names) for values, names in columns], axis=1)
        if ids
        else np.empty((0, 5), np.uint32),
        served=served,
        colours=(*colours.values(), *(style.UNKNOWN for _ in others), style.WRONG),
        phases=columns[2][1],
        kinds=columns[3][1],
        routes=columns[4][1],
        faults=tuple(sorted({(each.start_ns / 1e9, each.end_ns / 1e9) for each in run.plan.timeline.windows})),
    )


def _places(values: Sequence[str], names: Sequence[str]) -> npt.NDArray[np.uint32]:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[value] for value in values], dtype=np.uint32)


def _outcome(outcome: str, complete: bool) -> int:
    if complete:
        return 0
    return {"ok": 1, "truncated": 1, "error": 2, "deadline": 3, "dropped": 4}[outcome]


def _routes(attempts: pd.DataFrame, ids: Sequence[str]) -> list[str]:
    """Return for each request who was asked, in order, and how that ended: `openai 429 ×2 → azure`."""
    rows = attempts[["request_id", "provider", "outcome", "status"]].loc[attempts["start_ns"].argsort(kind="stable")]
    steps: dict[str, list[str]] = {}
    for request, provider, outcome, status in rows.itertuples(index=False):
        steps.setdefault(request, []).append(f"{provider}{_ended(outcome, status)}")
    return [" → ".join(_counted(steps.get(name, ()))) or "nobody was asked" for name in ids]


def _ended(outcome: str, status: Any) -> str:
    if outcome == "ok":
        return ""
    return f" {int(status)}" if outcome == "status" and not pd.isna(status) else f" {outcome.replace('_', ' ')}"


def _counted(steps: Iterable[str]) -> Iterable[str]:
    for step, same in groupby(steps):
        times = sum(1 for _ in same)
        yield f"{step} ×{times}" if times > 1 else step
