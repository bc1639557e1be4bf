"""What the folders of suites, comparisons, replays and tunings share: their place is reports/KIND/<UTC time>."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from harness.store.files import create_folder, timestamp, write_file, write_json


@dataclass(frozen=True, slots=True)
class TimedFolder:
    """A folder named by the time at which it was made.

    Attributes:
        KIND: Name of the folder of all such folders.
        DATA: Name of the file that programs read, which is written last.
        PAGE: Name of the page.
        path: Absolute.
    """

    KIND: ClassVar[str]
    DATA: ClassVar[str]
    PAGE: ClassVar[str] = "report.html"

    path: Path

    @classmethod
    def create(
        cls, reports: Path, *, now: datetime | None = None, fill: Callable[[Path], None] = lambda _path: None
    ) -> Self:
        """Make a new folder; a clash of names gets `-2`, `-3`, ….

        Args:
            reports: The folder of all runs.
            now: The time.
            fill: Writes the first files into it.

        Raises:
            HarnessError: The folder cannot be made.
        """
        return cls(create_folder(reports.absolute() / cls.KIND, timestamp(now), fill=fill))

    @property
    def page(self) -> Path:
        """What it holds, for a browser."""
        return self.path / self.PAGE

    def write(self, data: dict[str, Any], html: str | None = None) -> None:
        """Write the page, if there is one yet, then the data, each whole or not at all."""
        if html is not None:
            write_file(self.page, html.encode())
        write_json(self.path / self.DATA, data)
