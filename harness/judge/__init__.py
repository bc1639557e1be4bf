"""Metrics, findings and the verdict: pure functions of a plan and a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judge.as_json import metrics_json, metrics_of, verdict_json
from harness.judge.measure import measure
from harness.judge.metrics import RUN
from harness.judge.result import Ailment, ExpectationResult, Finding, Metrics, Status, Value, Verdict
from harness.judge.run_data import RunData
from harness.judge.score import Score, over_runs, score, worst
from harness.judge.scorecard_numbers import ScorecardNumbers
from harness.judge.tables.fallbacks import fallbacks_table
from harness.judge.tables.journeys import journeys_table
from harness.judge.tables.pairs import retries_table
from harness.judge.verdict import judge

if TYPE_CHECKING:
    import pandas as pd


def journeys(run: RunData) -> pd.DataFrame:
    """Return one row per measured request: who was tried, who served, what the fallback cost.

    Times are nanoseconds, NaN where there is none; `judge.tables.journeys.Journeys` describes each column.
    """
    return journeys_table(run.columns, run.journeys)


def fallbacks(run: RunData) -> pd.DataFrame:
    """Return one row per step of a measured request from one provider to another; `judge.tables.fallbacks` has each column."""
    return fallbacks_table(run.columns, run.fallbacks)


def retries(run: RunData) -> pd.DataFrame:
    """Return one row per pair of consecutive attempts of a measured request; `judge.tables.pairs` describes each column."""
    return retries_table(run.columns)


__all__ = [
    "RUN",
    "Ailment",
    "ExpectationResult",
    "Finding",
    "Metrics",
    "RunData",
    "Score",
    "ScorecardNumbers",
    "Status",
    "Value",
    "Verdict",
    "fallbacks",
    "journeys",
    "judge",
    "measure",
    "metrics_json",
    "metrics_of",
    "over_runs",
    "retries",
    "score",
    "verdict_json",
    "worst",
]
