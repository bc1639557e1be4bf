"""One run, loaded once, as every picture and table takes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness import judge, store
from harness.history import History
from harness.history.records import WARMUP
from harness.judge import Metrics, Verdict
from harness.scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """What a report is made of.

    Attributes:
        plan: What the run was to do.
        history: What happened, warm-up included.
        requests: RequestRecord columns without the warm-up.
        attempts: AttemptRecord columns without those of the warm-up.
        metrics: The numbers.
        verdict: The answer.
        retries: One row per pair of consecutive attempts of a request; see `harness.judge.retries`.
        journeys: One row per request; see `harness.judge.journeys`.
        path: The run's folder; None for a run that is only in memory.
        environment: Where and how the run ran; empty if that is not known.
    """

    plan: Plan
    history: History
    requests: pd.DataFrame
    attempts: pd.DataFrame
    metrics: Metrics
    verdict: Verdict
    retries: pd.DataFrame
    journeys: pd.DataFrame
    path: Path | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        """Attempts are missing from the records: connections were refused where nobody sees them (an `endpoint` chain)."""
        return self.history.unseen and any(window.inject.kind == "refused" for window in self.plan.timeline.windows)

    @classmethod
    def of(
        cls,
        plan: Plan,
        history: History,
        *,
        verdict: Verdict | None = None,
        metrics: Metrics | None = None,
        path: Path | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> JudgedRun:
        """Return a run with its numbers; they are made here where they are not given."""
        metrics = metrics or judge.measure(plan, history)
        warm = history.requests["phase"] == WARMUP
        return cls(
            plan=plan,
            history=history,
            requests=history.requests[~warm].reset_index(drop=True),
            attempts=history.attempts[
                ~history.attempts["request_id"].isin(history.requests.loc[warm, "request_id"])
            ].reset_index(drop=True),
            metrics=metrics,
            verdict=verdict or judge.judge(plan, history, metrics),
            retries=judge.retries(history),
            journeys=judge.journeys(plan, history),
            path=path,
            environment=environment or {},
        )


def open_run(run: str | os.PathLike[str] | None = None) -> JudgedRun:
    """Load a run.

    Args:
        run: The run's folder; None for the one that $HARNESS_RUN names, else the latest under `reports` in the current
            folder or the one above it: a notebook runs in the folder where it lies.

    Raises:
        UsageError: There is no run at that path, or none at all.
    """
    chosen = run or os.environ.get("HARNESS_RUN")
    folder = store.RunFolder.open(Path(chosen) if chosen else _latest())
    recorded = folder.verdict()
    return JudgedRun.of(
        folder.plan(),
        folder.history(),
        verdict=store.decode(store.encode(recorded), Verdict) if recorded else None,
        path=folder.path,
        environment=folder.environment(),
    )


def _latest() -> Path:
    here = Path.cwd()
    places = [place / "reports" for place in (here, here.parent)]
    return store.latest(next((place for place in places if (place / "latest").exists()), places[0]))
