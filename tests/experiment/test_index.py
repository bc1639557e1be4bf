"""What pruning deletes, and how the index is kept up to date."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment import index
from harness.experiment.index import Wanted, prunable, prune, runs, update_index
from tests.kept import BEGAN, keep_run, keep_suite

ANY = Wanted()


def aged(folder: Path) -> Path:
    """Make all of a folder as old as the run in it."""
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (BEGAN.timestamp(), BEGAN.timestamp()), follow_symlinks=False)
    return folder


def named(reports: Path, *, keep: int | None = None, wanted: Wanted = ANY) -> list[str]:
    """Return the names of what pruning would delete."""
    return [Path(entry.path).name for entry in prunable(reports, wanted, keep=keep).entries]


def test_filters_choose(tmp_path: Path) -> None:
    """By scenario, chain, verdict and age, one or several."""
    keep_run(tmp_path, verdict="fail")
    keep_run(tmp_path, BEGAN + timedelta(days=1), scenario="refused", chain="other")
    killed = keep_run(tmp_path, BEGAN + timedelta(days=2), verdict=None)

    def found(**wanted: str | float | None) -> list[str]:
        return [entry.scenario for entry in runs(tmp_path, Wanted(**wanted))]  # type: ignore[arg-type]

    assert found() == ["primary-429", "refused", "primary-429"]
    assert found(scenario="refused") == found(chain="other") == found(verdict="pass") == ["refused"]
    assert found(since_s=(BEGAN + timedelta(days=1)).timestamp()) == ["primary-429", "refused"]
    assert [entry.path for entry in runs(tmp_path, Wanted(verdict="none"))] == [killed.relative_to(tmp_path).as_posix()]
    assert found(scenario="refused", verdict="fail") == []


def test_pruning_keeps_the_newest_or_the_young(tmp_path: Path) -> None:
    """With both, what is one of them."""
    for day in range(5):
        keep_run(tmp_path, BEGAN + timedelta(days=day), seed=day)
    since = Wanted(since_s=(BEGAN + timedelta(days=1)).timestamp())
    assert named(tmp_path, keep=3) == ["2026-11-02T12-00-00Z-1", "2026-11-01T12-00-00Z-0"]
    assert named(tmp_path, wanted=since) == ["2026-11-01T12-00-00Z-0"]
    assert named(tmp_path, keep=1, wanted=since) == ["2026-11-01T12-00-00Z-0"]
    assert len(named(tmp_path, keep=0)) == 5
    assert named(tmp_path, keep=10) == []


def test_pruning_without_saying_what_to_keep_is_refused(tmp_path: Path) -> None:
    """Nobody deletes everything by leaving a word out."""
    with pytest.raises(UsageError, match="what to keep"):
        prunable(tmp_path, ANY, keep=None)


def test_pruning_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    """Samples, the latest run, renamed folders, links, folders of others with a name like ours, and what may be running."""
    latest = keep_run(tmp_path, BEGAN)
    (tmp_path / "latest").symlink_to(latest)
    sample = keep_run(tmp_path, BEGAN, scenario="samples")
    renamed = keep_run(tmp_path, BEGAN, seed=2)
    renamed.rename(renamed.with_name("before-the-upgrade"))
    running = keep_run(tmp_path, BEGAN, seed=3, verdict=None)
    foreign = tmp_path / "primary-429" / "2026-10-01T00-00-00Z-1"
    foreign.mkdir()
    (foreign / "thesis.tex").touch()
    aged(foreign)
    outside = keep_run(tmp_path / "outside", BEGAN)
    (tmp_path / "primary-429" / "2026-10-02T00-00-00Z-1").symlink_to(outside)
    assert named(tmp_path, keep=0) == []
    old = aged(keep_run(tmp_path, BEGAN, seed=4, verdict=None))
    assert named(tmp_path, keep=0) == [old.name]
    assert sample.is_dir()
    assert running.is_dir()


def test_a_folder_whose_files_come_and_go_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on there, or another command deletes it: neither is an error."""
    aged(keep_run(tmp_path, BEGAN, verdict=None))

    def gone(*_: object) -> float:
        raise FileNotFoundError(2, "No such file or directory")

    assert len(named(tmp_path, keep=0)) == 1
    monkeypatch.setattr(index, "last_written_s", gone)
    assert named(tmp_path, keep=0) == []


def test_a_suite_takes_its_runs_along(tmp_path: Path) -> None:
    """It counts as one, and its runs are kept with it; one that is the latest run's keeps all of them."""
    members = [keep_run(tmp_path, BEGAN, seed=seed) for seed in range(3)]
    suite = keep_suite(tmp_path, *members, began=BEGAN + timedelta(hours=1))
    keep_run(tmp_path, BEGAN + timedelta(hours=2))
    assert named(tmp_path, keep=2) == []
    assert {*named(tmp_path, keep=1)} == {suite.name, *(path.name for path in members)}
    (tmp_path / "latest").symlink_to(members[1])
    assert named(tmp_path, keep=1) == []


def test_pruning_deletes_and_brings_the_index_up_to_date(tmp_path: Path) -> None:
    """What is not deleted stays as it is."""
    old, new = keep_run(tmp_path, BEGAN), keep_run(tmp_path, BEGAN + timedelta(hours=1))
    gone = prune(prunable(tmp_path, ANY, keep=1), pytest.fail)
    assert [tmp_path / entry.path for entry in gone] == [old]
    assert not old.exists()
    assert (new / "verdict.json").is_file()
    page = (tmp_path / "index.html").read_text()
    assert "1 run;" in page
    assert old.name not in page


def test_what_cannot_be_deleted_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is deleted all the same."""
    kept = [keep_run(tmp_path, BEGAN, seed=seed) for seed in range(2)]
    found = prunable(tmp_path, ANY, keep=0)
    rename = Path.rename

    def stubborn(self: Path, target: Path) -> Path:
        if self.name.endswith("-1"):
            raise PermissionError(1, "Operation not permitted", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    said: list[str] = []
    assert len(prune(found, said.append)) == 1
    assert [path.exists() for path in kept] == [False, True]
    assert len(said) == 1
    assert "Operation not permitted" in said[0]


def test_an_index_that_cannot_be_written_fails_nothing(tmp_path: Path) -> None:
    """It is a warning that names the folder."""
    (tmp_path / "index.html").mkdir()
    (tmp_path / "index.html" / "x").touch()
    said: list[str] = []
    update_index(tmp_path, said.append)
    update_index(tmp_path / "nothing", said.append)
    assert [text.partition(":")[0] for text in said] == ["warning", "warning"]
    assert str(tmp_path / "index.html") in said[0]
