"""A suite's folder.

reports/suites/<UTC time>/
  suite.json  scorecard.md  scorecard.html  junit.xml
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, UsageError
from harness.store.folder import exclusive
from harness.store.format import encode


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
        stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
        parent = reports.absolute() / "suites"
        try:
            parent.mkdir(parents=True, exist_ok=True)
            return cls(exclusive(parent, stamp))
        except OSError as error:
            problem = f"cannot make the suite's folder: {error.strerror}"
            raise HarnessError(problem, where=str(parent), hint="give another place with --reports DIR") from None

    @classmethod
    def open(cls, path: Path) -> SuiteFolder:
        """Return an existing suite's folder.

        Raises:
            UsageError: There is no suite at that path.
        """
        if not (path / "suite.json").is_file():
            problem = "no suite here: suite.json is missing"
            raise UsageError(problem, where=str(path), hint="give a folder of reports/suites")
        return cls(path.resolve())

    @classmethod
    def latest(cls, reports: Path) -> SuiteFolder | None:
        """Return the latest suite in a folder of reports, or None; their names are their times."""
        found = max((path.parent for path in reports.glob("suites/*/suite.json")), default=None)
        return None if found is None else cls(found.resolve())

    @property
    def page(self) -> Path:
        """The scorecard for a browser."""
        return self.path / "scorecard.html"

    def read(self) -> dict[str, Any]:
        """Return suite.json.

        Raises:
            UsageError: It is not JSON.
        """
        try:
            data: dict[str, Any] = json.loads((self.path / "suite.json").read_bytes())
        except ValueError as error:
            raise UsageError(f"not JSON: {error}", where=str(self.path / "suite.json")) from None
        return data

    def write(self, suite: dict[str, Any]) -> None:
        """Write suite.json, whole or not at all."""
        self._write("suite.json", encode(suite, pretty=True) + b"\n")

    def write_scorecard(self, *, markdown: str, html: str, junit: bytes) -> None:
        """Write the three faces of the scorecard."""
        self._write("scorecard.md", markdown.encode())
        self._write("scorecard.html", html.encode())
        self._write("junit.xml", junit)

    def _write(self, name: str, raw: bytes) -> None:
        partial = self.path / f".{name}.part"
        partial.write_bytes(raw)
        partial.replace(self.path / name)
