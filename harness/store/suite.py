"""A suite's folder.

reports/suites/<UTC time>/
  suite.json  scorecard.md  scorecard.html  junit.xml
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.scenario import SUITES
from harness.store.files import create_folder, existing_folder, read_json, timestamp, write_file, write_json


@dataclass(frozen=True, slots=True)
class SuiteFolder:
    """Where one suite is kept.

    Attributes:
        path: Absolute.
    """

    path: Path

    @classmethod
    def create(cls, reports: Path, *, now: datetime | None = None) -> SuiteFolder:
        """Make the folder of a new suite; a clash of names gets `-2`, `-3`, ….

        Raises:
            HarnessError: The folder cannot be made.
        """
        return cls(create_folder(reports.absolute() / SUITES, timestamp(now)))

    @classmethod
    def open(cls, path: Path) -> SuiteFolder:
        """Return an existing suite's folder.

        Raises:
            UsageError: There is no suite at that path.
        """
        return cls(existing_folder(path, "suite", file="suite.json", hint=f"name a folder of reports/{SUITES}"))

    @classmethod
    def latest(cls, reports: Path) -> SuiteFolder | None:
        """Return the latest suite in a folder of reports, or None; their names are their times."""
        found = max((path.parent for path in reports.glob(f"{SUITES}/*/suite.json")), default=None)
        return None if found is None else cls(found.resolve())

    @property
    def page(self) -> Path:
        """The scorecard for a browser."""
        return self.path / "scorecard.html"

    def remove_unused(self) -> None:
        """Remove the folder of a suite that never began: nothing was written that somebody could go on with."""
        if not (self.path / "suite.json").exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def read(self) -> dict[str, Any]:
        """Return suite.json.

        Raises:
            UsageError: It is damaged.
        """
        return read_json(self.path / "suite.json", dict[str, Any])

    def write(self, suite: dict[str, Any]) -> None:
        """Write suite.json, whole or not at all."""
        write_json(self.path / "suite.json", suite)

    def write_scorecard(self, *, markdown: str, html: str, junit: bytes) -> None:
        """Write the scorecard in its three formats."""
        write_file(self.path / "scorecard.md", markdown.encode())
        write_file(self.path / "scorecard.html", html.encode())
        write_file(self.path / "junit.xml", junit)
