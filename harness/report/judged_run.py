"""One run, loaded once, as all pictures and tables take it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from harness import judge, store
from harness.chain.driver import DRIVERS, driver_of
from harness.chain.waits import WaitRule
from harness.errors import UsageError
from harness.history import History
from harness.history.records import WARMUP
from harness.judge import Metrics, RunData, Verdict
from harness.judge.comparison.counterfactual import MeasuredRemedies
from harness.judge.tables.gaps import gaps_table
from harness.provider.dialects import DIALECTS
from harness.scenario import Plan


@dataclass(frozen=True, kw_only=True)  # without slots: the tables are made when they are first asked for
class JudgedRun:
    """What a report is made of.

    Attributes:
        data: The plan and the history, joined.
        metrics: The numbers.
        verdict: The answer.
        path: The run's folder; None for a run that is only in memory.
        environment: Where and how the run ran; empty if that is not known.
    """

    data: RunData
    metrics: Metrics
    verdict: Verdict
    path: Path | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def requests(self) -> pd.DataFrame:
        """RequestRecord columns without the warm-up."""
        requests = self.history.requests
        return requests[requests["phase"] != WARMUP].reset_index(drop=True)

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """AttemptRecord columns without those of the warm-up."""
        requests, attempts = self.history.requests, self.history.attempts
        warm = requests.loc[requests["phase"] == WARMUP, "request_id"]
        return attempts[~attempts["request_id"].isin(warm)].reset_index(drop=True)

    @cached_property
    def retries(self) -> pd.DataFrame:
        """One row per pair of consecutive attempts of a request; see `harness.judge.retries`."""
        return judge.retries(self.data)

    @cached_property
    def wait_rules(self) -> Mapping[str, WaitRule]:
        """By provider, the rule by which the chain waits before a retry, as its settings say.

        There is none where the chain's driver or a dialect of its providers is not installed here.
        """
        chain = self.plan.chain
        known = chain.driver in DRIVERS and all(provider.dialect in DIALECTS for provider in chain.providers.values())
        return driver_of(chain).waits(chain) if known else {}

    @cached_property
    def gaps(self) -> pd.DataFrame:
        """One row per retry after a failed attempt, with the band that the chain's settings allow; see `harness.judge.tables.gaps`."""
        return gaps_table(self.data.columns, self.data.gaps, self.data.second_sends, self.wait_rules)

    @cached_property
    def fallbacks(self) -> pd.DataFrame:
        """One row per step of a request from one provider to another; see `harness.judge.fallbacks`."""
        return judge.fallbacks(self.data)

    @cached_property
    def journeys(self) -> pd.DataFrame:
        """One row per request; see `harness.judge.journeys`."""
        return judge.journeys(self.data)

    @cached_property
    def remedies(self) -> MeasuredRemedies | None:
        """What single settings would have changed; None where nobody had it measured."""
        return None if self.path is None else store.RunFolder.open(self.path).remedies()

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
        return cls(
            data=data,
            metrics=metrics,
            verdict=verdict or judge.judge(data, metrics),
            path=path,
            environment=environment or {},
        )


_held: dict[Path, JudgedRun] = {}
"""Runs that this process has in memory, by folder: a notebook in a fork of the process that judged a run need not load it."""


def hold(run: JudgedRun) -> None:
    """Let `open_run` return a run that is in memory already, for as long as this process lives."""
    if run.path is not None:
        _held[run.path] = run


def open_run(run: str | os.PathLike[str] | None = None) -> JudgedRun:
    """Load a run.

    Args:
        run: The run's folder; None for the one that $HARNESS_RUN names, else the latest under `reports` in the current
            folder or the one above it: a notebook runs in the folder where it lies.

    Raises:
        UsageError: There is no run at that path, or none at all.
    """
    chosen = run or os.environ.get("HARNESS_RUN")
    folder = store.RunFolder.open(Path(chosen) if chosen else store.latest(store.nearest_reports(Path.cwd())))
    if folder.path in _held:
        return _held[folder.path]
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
