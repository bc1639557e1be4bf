"""The reference pages name all that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.judge import RunData, measure
from scripts import declarations
from tests.histories import primary_429

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def test_each_number_of_a_run_is_documented() -> None:
    """All that is in metrics.json."""
    page = (REFERENCE / "metrics.md").read_text()
    metrics = measure(RunData.of(*primary_429()))
    names = {name for group in (*metrics.phases.values(), *metrics.providers.values()) for name in group}
    names |= set(metrics.harness)
    for name in names:
        stem = re.sub(r"_(p[\d.]+|max|peak)$", "", name)
        process = re.sub(r"loop_lag_\w+_(p99|max)", r"loop_lag_PROCESS_\1", name)
        assert f"`{stem}`" in page or f"`{process}`" in page, name


@pytest.mark.parametrize("path", declarations.WRITTEN, ids=lambda path: path.stem)
def test_the_tables_of_declarations_are_written(path: Path) -> None:
    """The page has what the declarations have; `make schema` writes it."""
    text = path.read_text(encoding="utf-8")
    assert declarations.page(text) == text
    assert "written by `make schema`" in text
