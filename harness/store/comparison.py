"""The folder of a comparison of two chains.

reports/comparisons/<UTC time>/
  comparison.json  comparison.html  change-1.yaml  change-2.yaml …
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.scenario import COMPARISONS
from harness.store.files import create_folder, timestamp, write_file, write_json


@dataclass(frozen=True, slots=True)
class ComparisonFolder:
    """Where one comparison is kept.

    Attributes:
        path: Absolute.
    """

    path: Path

    @classmethod
    def create(cls, reports: Path, *, now: datetime | None = None) -> ComparisonFolder:
        """Make the folder of a new comparison; a clash of names gets `-2`, `-3`, ….

        Raises:
            HarnessError: The folder cannot be made.
        """
        return cls(create_folder(reports.absolute() / COMPARISONS, timestamp(now)))

    @property
    def page(self) -> Path:
        """The comparison for a browser."""
        return self.path / "comparison.html"

    def scenario(self, number: int) -> Path:
        """Return where the scenario that shows a change belongs; changes count from 1."""
        return self.path / f"change-{number}.yaml"

    def write(self, comparison: dict[str, Any], *, scenarios: dict[Path, str], html: str) -> None:
        """Write the scenarios, comparison.json and the page, each whole or not at all."""
        for path, text in scenarios.items():
            write_file(path, text.encode())
        write_json(self.path / "comparison.json", comparison)
        write_file(self.page, html.encode())
