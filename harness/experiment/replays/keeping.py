"""What a replay found, kept in a folder with its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.experiment.index import update_index
from harness.incident.outage import Replayed
from harness.report.replay import as_json
from harness.report.replay_page import replay_page
from harness.store import ReplayFolder


def keep_replay(replayed: Replayed, slo: float | None, reports: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Write a replay's folder and bring the index up to date; return what programs are told, the page's path among it.

    Args:
        replayed: What was played.
        slo: Share of the requests that had to be served; None if nothing was asked for.
        reports: Folder of all runs.
        say: Told that the index could not be written.

    Raises:
        HarnessError: The folder cannot be made.
    """
    folder = ReplayFolder.create(reports)
    data = as_json(replayed, slo, str(folder.page))
    folder.write(data, replay_page(replayed, slo))
    update_index(reports, say)
    return data
