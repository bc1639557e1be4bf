"""The folder of a replay.

reports/replays/<UTC time>/
  replay.json  report.html
"""

from __future__ import annotations

from typing import ClassVar

from harness.scenario import REPLAYS
from harness.store.timed import TimedFolder


class ReplayFolder(TimedFolder):
    """Where one replay is kept."""

    __slots__ = ()

    KIND: ClassVar[str] = REPLAYS
    DATA: ClassVar[str] = "replay.json"
