"""A suite's folder.

reports/suites/<UTC time>/
  suite.json  scorecard.md  scorecard.html  junit.xml
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

from harness.scenario import SUITES
from harness.store.files import existing_folder, read_json, write_file
from harness.store.timed import TimedFolder


class SuiteFolder(TimedFolder):
    """Where one suite is kept. Its suite.json is written after every step."""

    __slots__ = ()

    KIND: ClassVar[str] = SUITES
    DATA: ClassVar[str] = "suite.json"
    PAGE: ClassVar[str] = "scorecard.html"

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return an existing suite's folder.

        Raises:
            UsageError: There is no suite at that path.
        """
        return cls(existing_folder(path, "suite", file=cls.DATA, hint=f"name a folder of reports/{SUITES}"))

    @classmethod
    def latest(cls, reports: Path) -> Self | None:
        """Return the latest suite in a folder of reports, or None; their names are their times."""
        found = max((path.parent for path in reports.glob(f"{SUITES}/*/{cls.DATA}")), default=None)
        return None if found is None else cls(found.resolve())

    def remove_unused(self) -> None:
        """Remove the folder of a suite that never began: nothing was written that somebody could go on with."""
        if not (self.path / self.DATA).exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def read(self) -> dict[str, Any]:
        """Return suite.json.

        Raises:
            UsageError: It is damaged.
        """
        return read_json(self.path / self.DATA, dict[str, Any])

    def write_scorecard(self, *, markdown: str, html: str, junit: bytes) -> None:
        """Write the scorecard in its three formats."""
        write_file(self.path / "scorecard.md", markdown.encode())
        write_file(self.page, html.encode())
        write_file(self.path / "junit.xml", junit)
