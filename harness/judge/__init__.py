"""Metrics, findings and the verdict: pure functions of a plan and a history."""

import pandas as pd

from harness.history import History
from harness.judge.as_json import metrics_json, metrics_of, verdict_json
from harness.judge.joining import columns
from harness.judge.metrics import RUN, measure
from harness.judge.pairs import retries_table as retries
from harness.judge.result import ExpectationResult, Finding, Metrics, Status, Value, Verdict
from harness.judge.score import Score, over_runs, score, worst
from harness.judge.tally import Tally, tally
from harness.judge.verdict import judge
from harness.judge.ways import journeys_table
from harness.scenario import Plan


def journeys(plan: Plan, history: History) -> pd.DataFrame:
    """Return one row per measured request: who was tried, who served, what the fallback cost.

    Times are nanoseconds, NaN where there is none; `judge.ways.Journeys` says what each column means.
    """
    return journeys_table(columns(plan, history))


__all__ = [
    "RUN",
    "ExpectationResult",
    "Finding",
    "Metrics",
    "Score",
    "Status",
    "Tally",
    "Value",
    "Verdict",
    "journeys",
    "judge",
    "measure",
    "metrics_json",
    "metrics_of",
    "over_runs",
    "retries",
    "score",
    "tally",
    "verdict_json",
    "worst",
]
