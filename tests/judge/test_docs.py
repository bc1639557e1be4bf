"""The reference pages name what the code knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.judge import RunData, measure
from harness.judge.metrics import METRICS
from scripts import declarations
from tests.histories import primary_429

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
GUIDES = Path(__file__).parents[2] / "docs" / "guides"


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


@pytest.mark.parametrize("name", ["findings.md", "metrics.md", "properties.md"])
def test_the_tables_of_declarations_are_written(name: str) -> None:
    """The page says what the declarations say; `make schema` writes it."""
    text = (REFERENCE / name).read_text(encoding="utf-8")
    assert declarations.page(text) == text
    assert "| `hang` | required |" in declarations.page((REFERENCE / "findings.md").read_text(encoding="utf-8"))


def test_the_guide_names_what_is_compared() -> None:
    """Each metric of which one way is better, and no other."""
    text = (GUIDES / "ci.md").read_text(encoding="utf-8")
    larger, smaller = (
        re.search(rf"- {way} is better: (.*?)[;.]\n(?=- |\n)", text, re.DOTALL) for way in ("larger", "smaller")
    )
    assert larger is not None
    assert smaller is not None
    for found, better in ((larger, "more"), (smaller, "less")):
        named = {metric.name for metric in METRICS.values() if metric.better == better}
        assert set(re.findall(r"`(\w+)`", found[1])) == named
