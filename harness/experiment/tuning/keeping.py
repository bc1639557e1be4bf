"""What a tuning found, kept in its folder with its page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.experiment.index import update_index
from harness.incident.tuned import Tuned
from harness.report.tune import as_json
from harness.report.tune_page import tune_page
from harness.store import TuningFolder


def keep_tuning(tuned: Tuned, folder: TuningFolder, reports: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Write what a tuning suggests, its page, and the index; return what programs are told.

    Args:
        tuned: What was found. One that was stopped early stays open, so that the same command goes on.
        folder: Its folder.
        reports: Folder of all runs.
        say: Told that the index could not be written.
    """
    data = as_json(tuned, folder)
    if (found := tuned.suggestion or tuned.refuted) is not None:
        folder.write_suggestion(found.raw, "".join(f"{line}\n" for line in found.diff))
    if not tuned.interrupted:
        folder.write(data, tune_page(tuned, folder))
    update_index(reports, say)
    return data
