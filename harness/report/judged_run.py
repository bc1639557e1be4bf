"""One run, loaded once, as all pictures and tables take it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from harness import judge, store
from harness.errors import UsageError
from harness.history import History
from harness.history.records import WARMUP
from harness.judge import Metrics, RunData, Verdict
from harness.scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """What a report is made of.

    Attributes:
        data: The plan and the history, joined.
        requests: RequestRecord columns without the warm-up.
        attempts: AttemptRecord columns without those of the warm-up.
        metrics: The numbers.
        verdict: The answer.
        retries: One row per pair of consecutive attempts of a request; see `harness.judge.retries`.
        fallbacks: One row per step of a request from one provider to another; see `harness.judge.fallbacks`.
        journeys: One row per request; see `harness.judge.journeys`.
        path: The run's folder; None for a run that is only in memory.
        environment: Where and how the run ran; empty if that is not known.
    """

    data: RunData
    requests: pd.DataFrame
    attempts: pd.DataFrame
    metrics: Metrics
    verdict: Verdict
    retries: pd.DataFrame
    fallbacks: pd.DataFrame
    journeys: pd.DataFrame
    path: Path | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """What the run was to do."""
        return self.data.plan

    @property
    def history(self) -> History:
        """What happened, warm-up included."""
        return self.data.columns.history

    @property
    def cut_short_ns(self) -> int | None:
        """When the last record of an interrupted run was made, since the origin; None if the run ended as planned."""
        if self.history.complete:
            return None
        starts = [
            table["start_ns"].max() for table in (self.requests, self.attempts) if table["start_ns"].notna().any()
        ]
        return max([0, *(int(start) for start in starts)])

    @property
    def blind(self) -> bool:
        """Attempts are missing from the records: connections were refused where they are not observable (an `endpoint` chain)."""
        return self.history.unseen and any(window.blocks is not None for window in self.plan.timeline.windows)

    @classmethod
    def of(
        cls,
        data: RunData,
        *,
        verdict: Verdict | None = None,
        metrics: Metrics | None = None,
        path: Path | None = None,
        environment: Mapping[str, Any] | None = None,
    ) -> JudgedRun:
        """Return a run with its numbers and verdict; what is not given is computed here."""
        metrics = metrics or judge.measure(data)
        history = data.columns.history
        warm = history.requests["phase"] == WARMUP
        return cls(
            data=data,
            requests=history.requests[~warm].reset_index(drop=True),
            attempts=history.attempts[
                ~history.attempts["request_id"].isin(history.requests.loc[warm, "request_id"])
            ].reset_index(drop=True),
            metrics=metrics,
            verdict=verdict or judge.judge(data, metrics),
            retries=judge.retries(data),
            fallbacks=judge.fallbacks(data),
            journeys=judge.journeys(data),
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
        RunData.of(folder.plan(), folder.history()),
        verdict=store.decode(store.encode(recorded), Verdict) if recorded else None,
        metrics=_recorded_metrics(folder),
        path=folder.path,
        environment=folder.environment(),
    )


def _recorded_metrics(folder: store.RunFolder) -> Metrics | None:
    recorded = folder.metrics()
    try:
        return judge.metrics_of(recorded) if recorded else None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        hint = f"harness report {folder.path} writes it again"
        raise UsageError(
            f"not the metrics of a run: {error!r}", where=str(folder.path / "metrics.json"), hint=hint
        ) from None


def _latest() -> Path:
    here = Path.cwd()
    places = [place / "reports" for place in (here, here.parent)]
    return store.latest(next((place for place in places if (place / "latest").exists()), places[0]))
