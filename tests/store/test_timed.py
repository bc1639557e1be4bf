"""The folders that are named by time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.store import ComparisonFolder, ReplayFolder, SuiteFolder, TuningFolder
from harness.store.timed import TimedFolder

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("kind", [ComparisonFolder, ReplayFolder, SuiteFolder, TuningFolder])
def test_a_folder_has_its_time_its_page_and_its_data(kind: type[TimedFolder], tmp_path: Path) -> None:
    """Two of one second have two names; the data are there without a page too."""
    first, second = (kind.create(tmp_path, now=NOW) for _ in range(2))
    assert [each.path.relative_to(tmp_path).as_posix() for each in (first, second)] == [
        f"{kind.KIND}/2026-01-02T03-04-05Z",
        f"{kind.KIND}/2026-01-02T03-04-05Z-2",
    ]
    first.write({"name": "x"})
    assert [each.name for each in first.path.iterdir()] == [kind.DATA]
    first.write({"name": "y"}, "<p>")
    assert json.loads((first.path / kind.DATA).read_bytes())["name"] == "y"
    assert first.page.read_text() == "<p>"
    assert {each.name for each in first.path.iterdir()} == {kind.DATA, kind.PAGE}


def test_a_tuning_that_was_stopped_is_found_by_its_question(tmp_path: Path) -> None:
    """Until its data are there, and by no other question."""
    folder = TuningFolder.of_question(tmp_path, "which?", now=NOW)
    assert TuningFolder.of_question(tmp_path, "which?") == folder
    assert TuningFolder.of_question(tmp_path, "who?") != folder
    folder.write({}, "")
    assert TuningFolder.of_question(tmp_path, "which?") != folder
