"""The reference pages name what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

from harness.judge import RunData, measure
from harness.judge.findings.herd import NO_BACKOFF_RETRIES_MIN
from harness.judge.findings.retrying import NON_RETRYABLE, STORM_ATTEMPTS
from harness.judge.intervals import needed_for_quantile
from harness.scenario.expect import FINDINGS, METRICS, QUANTILES
from tests.histories import primary_429

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
_UNITS = {"share": "share", "ns": "time", "ratio": "ratio", "count": "count", "per_s": "per second", "usd": "USD"}


def _rows(page: str) -> dict[str, list[str]]:
    """Return the cells of a page's table rows by the name in their first cell."""
    rows = {}
    for line in (REFERENCE / page).read_text().splitlines():
        if match := re.match(r"\| `(\w+)` \| (.*) \|$", line):
            rows[match[1]] = match[2].split(" | ")
    return rows


def test_each_metric_is_documented() -> None:
    """With its unit and kind."""
    rows = _rows("metrics.md")
    for name, metric in METRICS.items():
        assert rows[name][:2] == [_UNITS[metric.unit], metric.kind]


def test_each_number_of_a_run_is_documented() -> None:
    """Whatever stands in metrics.json."""
    page = (REFERENCE / "metrics.md").read_text()
    metrics = measure(RunData.of(*primary_429()))
    names = {name for group in (*metrics.phases.values(), *metrics.providers.values()) for name in group}
    names |= set(metrics.harness)
    for name in names:
        stem = re.sub(r"_(p[\d.]+|max|peak)$", "", name)
        process = re.sub(r"loop_lag_\w+_(p99|max)", r"loop_lag_PROCESS_\1", name)
        assert f"`{stem}`" in page or f"`{process}`" in page, name


def test_each_finding_is_documented() -> None:
    """With its severity, and nothing that does not exist."""
    rows = _rows("findings.md")
    assert {name: row[0] for name, row in rows.items()} == FINDINGS


def test_the_bounds_are_those_of_the_code() -> None:
    """Numbers in the text are the numbers that are applied."""
    findings, metrics = _rows("findings.md"), (REFERENCE / "metrics.md").read_text()
    assert all(str(status) in findings["non_retryable_retried"][2] for status in NON_RETRYABLE)
    assert f"at least {NO_BACKOFF_RETRIES_MIN} retries" in findings["no_backoff"][2]
    assert f"More than {STORM_ATTEMPTS} attempts" in findings["retry_storm"][2]
    assert ", ".join(f"{name} {needed_for_quantile(share)}" for name, share in QUANTILES.items()) in metrics
