"""The reference pages name what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.judge import RunData, measure
from harness.judge.intervals import needed_for_quantile
from harness.judge.metrics import METRICS, QUANTILES
from scripts import declarations
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


@pytest.mark.parametrize("name", ["findings.md", "properties.md"])
def test_the_tables_of_declarations_are_written(name: str) -> None:
    """The page says what the declarations say; `make schema` writes it."""
    text = (REFERENCE / name).read_text(encoding="utf-8")
    assert declarations.page(text) == text
    assert "| `hang` | required |" in declarations.page((REFERENCE / "findings.md").read_text(encoding="utf-8"))


def test_the_bounds_are_those_of_the_code() -> None:
    """Numbers in the text are the numbers that are applied."""
    metrics = (REFERENCE / "metrics.md").read_text()
    assert ", ".join(f"{name} {needed_for_quantile(share)}" for name, share in QUANTILES.items()) in metrics
