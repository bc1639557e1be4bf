"""The folder of a replay.

reports/replays/<UTC time>/
  replay.json  report.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.scenario import REPLAYS
from harness.store.files import create_folder, timestamp, write_file, write_json


@dataclass(frozen=True, slots=True)
class ReplayFolder:
    """Where one replay is kept.

    Attributes:
        path: Absolute.
    """

    path: Path

    @classmethod
    def create(cls, reports: Path, *, now: datetime | None = None) -> ReplayFolder:
        """Make the folder of a replay; a clash of names gets `-2`, `-3`, ….

        Raises:
            HarnessError: The folder cannot be made.
        """
        return cls(create_folder(reports.absolute() / REPLAYS, timestamp(now)))

    @property
    def page(self) -> Path:
        """The replay for a browser."""
        return self.path / "report.html"

    def write(self, replay: dict[str, Any], html: str) -> None:
        """Write the page and replay.json, each whole or not at all."""
        write_file(self.page, html.encode())
        write_json(self.path / "replay.json", replay)
