"""The folder of a comparison of two chains.

reports/comparisons/<UTC time>/
  comparison.json  comparison.html  change-1.yaml  change-2.yaml …
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from harness.scenario import COMPARISONS
from harness.store.files import write_file
from harness.store.timed import TimedFolder


class ComparisonFolder(TimedFolder):
    """Where one comparison is kept."""

    __slots__ = ()

    KIND: ClassVar[str] = COMPARISONS
    DATA: ClassVar[str] = "comparison.json"
    PAGE: ClassVar[str] = "comparison.html"

    def scenario(self, number: int) -> Path:
        """Return where the scenario that shows a change belongs; changes count from 1."""
        return self.path / f"change-{number}.yaml"

    def write_scenarios(self, scenarios: dict[Path, str]) -> None:
        """Write the scenarios, each whole or not at all."""
        for path, text in scenarios.items():
            write_file(path, text.encode())
