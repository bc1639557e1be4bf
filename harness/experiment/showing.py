"""Requests of a saved run, as they were recorded: nothing is judged again, and nothing is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from harness.errors import UsageError
from harness.history.records import WARMUP
from harness.quantities import count
from harness.report.waterfall import RequestStory, stories
from harness.scenario import Plan
from harness.store import RunFolder

FEW = 10
"""A run of so many requests is small enough to show all of them; of another, the so many worst are listed."""
_NAMED_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run in its folder.

    Attributes:
        path: The folder.
        plan: What it was to do.
        requests: RequestRecord columns without the warm-up.
        attempts: AttemptRecord columns.
        cut_short: Why it did not come to its planned end, in a sentence; empty if it did.
    """

    path: Path
    plan: Plan
    requests: pd.DataFrame
    attempts: pd.DataFrame
    cut_short: str

    @classmethod
    def open(cls, path: Path) -> SavedRun:
        """Return the run in a folder.

        Raises:
            UsageError: There is none, or a file of it is damaged.
        """
        folder = RunFolder.open(path)
        plan, history = folder.plan(), folder.recorded()
        return cls(
            path=folder.path,
            plan=plan,
            requests=history.requests[history.requests["phase"] != WARMUP].reset_index(drop=True),
            attempts=history.attempts,
            cut_short=_why(folder.verdict(), complete=history.complete, any_rows=len(history.attempts) > 0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """What is to be seen of a run.

    Attributes:
        run: The run.
        requests: Those worth seeing.
        listed: They are the worst of many: a line each is enough.
    """

    run: SavedRun
    requests: list[RequestStory]
    listed: bool

    def as_json(self) -> dict[str, Any]:
        """Return it for other programs."""
        return {
            "run": str(self.run.path),
            "title": self.run.plan.title,
            "chain": self.run.plan.chain.drawn,
            "cut_short": self.run.cut_short or None,
            "planned": len(self.run.plan.arrivals),
            "requests": {story.request_id: story.as_json() for story in self.requests},
        }


def show(path: Path, request: str | None = None) -> ShownRun:
    """Return what is to be seen of a run: one request, all of a small run, or the worst of a big one.

    Args:
        path: The run's folder.
        request: Its id, a beginning that no other id has, or its number; None for those worth seeing.

    Raises:
        UsageError: There is no such run or request, or a file is damaged.
    """
    run = SavedRun.open(path)
    ids = [arrival.request_id for arrival in run.plan.arrivals]
    if request is not None:
        return ShownRun(run=run, requests=stories(run, [_chosen(request, ids, run.path)]), listed=False)
    if len(ids) <= FEW:
        return ShownRun(run=run, requests=stories(run, ids), listed=False)
    return ShownRun(run=run, requests=stories(run, _worst(run)), listed=True)


def _worst(run: SavedRun) -> list[str]:
    """Return the ids of requests without a complete answer, those that took longest first, and then of the slowest others."""
    table = run.requests
    served = ((table["outcome"] == "ok") & table["complete"]).astype(bool)
    took_ns = (table["end_ns"] - table["scheduled_ns"]).astype("Float64").fillna(float("inf"))
    order = pd.DataFrame({"served": served, "took_ns": -took_ns, "id": table["request_id"]})
    return list(order.sort_values(["served", "took_ns", "id"])["id"].head(FEW))


def _chosen(request: str, ids: list[str], where: Path) -> str:
    """Return the id that a text means."""
    if request in ids:
        return request
    if request.isascii() and request.isdecimal():
        found = [name for name in ids if int(name.rpartition("-")[2]) == int(request[:18])]
    else:
        found = [name for name in ids if request and name.startswith(request)]
    if len(found) == 1:
        return found[0]
    if found:
        problem, known = f"{count(len(found))} requests begin with {request!r}", ", ".join([*found[:_NAMED_MAX], "…"])
    else:
        problem, known = f"no request {request[:40]!r}", f"{ids[0]} to {ids[-1]}" if ids else "none: none was planned"
    raise UsageError(problem, where=str(where), known=known, hint=f"harness show {where} lists the worst")


def _why(verdict: dict[str, Any], *, complete: bool, any_rows: bool) -> str:
    """Return why a run did not come to its planned end; empty if it did."""
    if complete:
        return "" if verdict else "the run ended before it was judged: harness report judges it"
    reasons = verdict.get("reasons")
    if isinstance(reasons, list) and reasons:
        return f"the run was cut short: {reasons[0]}"
    if not any_rows:
        return "nothing is recorded: the run ended, or was killed, before its records were written, or it still goes on"
    return "the run has no end: it was killed, or it still goes on; this is what it had recorded"
