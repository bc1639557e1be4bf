"""The index of what is kept: whole, incremental, and never an error."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from harness.store import index, index_entry
from harness.store.index import entries, latest_path, one_at_a_time, remove, write_index
from tests.kept import BEGAN, judge, keep_run, keep_suite, write


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders of runs that are read from now on."""
    found: list[Path] = []

    def reading(folder: Path) -> index_entry.Entry:
        found.append(folder)
        return index_entry.read_run(folder)

    monkeypatch.setattr(index, "_RUNS", (*index._RUNS[:2], reading))
    return found


def test_an_entry_has_what_people_look_for(tmp_path: Path) -> None:
    """What ran, when, on what, and what came out; a number that there is not is left out."""
    keep_run(tmp_path, success=0.98, page=True)
    (entry,) = entries(tmp_path)
    assert (entry.kind, entry.scenario, entry.chain, entry.verdict) == ("run", "primary-429", "gpt4", "pass")
    assert (entry.began, entry.engine, entry.seed) == ("2026-11-01T12:00:00+00:00", "sim", 1)
    assert (entry.library, entry.harness, entry.page) == ("litellm 1.106.2", "0.1.0", "report.html")
    assert entry.numbers == {"success_rate": 0.98, "latency_p95": 2e9, "amplification": 1.5}


def test_only_what_changed_is_read_again(tmp_path: Path, read: list[Path]) -> None:
    """One more run is one folder more to read; so is a run that was judged again."""
    kept = [keep_run(tmp_path, BEGAN + timedelta(hours=hour)) for hour in range(20)]
    assert len(entries(tmp_path)) == len(read) == 20
    read.clear()
    added = keep_run(tmp_path, BEGAN + timedelta(days=1))
    assert len(entries(tmp_path)) == 21
    assert read == [added]
    read.clear()
    judge(kept[3], "fail")
    assert [entry.verdict for entry in entries(tmp_path)].count("fail") == 1
    assert read == [kept[3]]


def test_a_page_that_was_made_later_is_seen(tmp_path: Path, read: list[Path]) -> None:
    """The page is no part of the verdict, so nothing is read again for it."""
    folder = keep_run(tmp_path)
    assert [entry.page for entry in entries(tmp_path)] == [""]
    read.clear()
    (folder / "report.html").touch()
    assert [entry.page for entry in entries(tmp_path)] == ["report.html"]
    assert not read


@pytest.mark.parametrize("damage", ["", "{", '{"layout": 0, "entries": []}', "[" * 100_000])
def test_the_cache_may_be_lost_or_damaged(damage: str, tmp_path: Path) -> None:
    """Then everything is read again, with the same result."""
    keep_run(tmp_path)
    before = entries(tmp_path)
    (tmp_path / ".index.json").write_text(damage)
    assert entries(tmp_path) == before
    (tmp_path / ".index.json").unlink()
    assert entries(tmp_path) == before


def test_what_was_deleted_is_forgotten(tmp_path: Path) -> None:
    """Also where somebody else deleted it."""
    keep_run(tmp_path)
    (entry,) = entries(tmp_path)
    remove(tmp_path, entry)
    assert entries(tmp_path) == []
    assert json.loads((tmp_path / ".index.json").read_text())["entries"] == []
    assert list((tmp_path / "primary-429").iterdir()) == []


@pytest.mark.parametrize(
    ("file", "content", "note"),
    [
        ("verdict.json", "{", "verdict.json is damaged, or of another format"),
        ("verdict.json", '{"format": 9, "status": "pass", "exit_code": 0}', "verdict.json is written in format 9"),
        ("plan.json", "[]", "plan.json is damaged, or of another format"),
        ("plan.json", "[" * 100_000, "plan.json is damaged, or of another format"),
        ("plan.json", '{"format": 0, "name": "x", "seed": 1, "chain": {}}', "plan.json is written in format 0"),
        ("verdict.json", '{"status": "inconclusive", "exit_code": 130, "reasons": ["interrupted"]}', "interrupted"),
    ],
)
def test_what_is_wrong_with_a_folder_is_a_note(file: str, content: str, note: str, tmp_path: Path) -> None:
    """The folder is listed all the same, under the name of its scenario."""
    folder = keep_run(tmp_path)
    (folder / file).write_text(content)
    (entry,) = entries(tmp_path)
    assert entry.note.startswith(note)
    assert entry.scenario == "primary-429"


def test_a_run_that_was_killed_and_an_empty_folder_are_listed(tmp_path: Path) -> None:
    """One has a plan and no verdict, the other nothing but its name; a named pipe in the place of a file is no reason to wait."""
    keep_run(tmp_path, verdict=None)
    (tmp_path / "primary-429" / "2026-10-01T00-00-00Z-1").mkdir()
    piped = tmp_path / "primary-429" / "2026-09-01T00-00-00Z-1"
    piped.mkdir()
    os.mkfifo(piped / "plan.json")
    assert [entry.note for entry in entries(tmp_path)] == [
        "not judged: it was killed, or is still running",
        "it has no plan",
        "it has no plan",
    ]


def test_what_is_not_the_harness_s_is_left_out(tmp_path: Path) -> None:
    """Files, folders of others, links, hidden folders, and what `explore` found."""
    kept = keep_run(tmp_path)
    (tmp_path / "latest").symlink_to(kept)
    (tmp_path / "primary-429" / "notes").mkdir()
    (tmp_path / "explore" / "2026-10-01T00-00-00Z").mkdir(parents=True)
    (tmp_path / "index.html").touch()
    (tmp_path / "primary-429" / ".2026-10-01T00-00-00Z-1").mkdir()
    assert [entry.path for entry in entries(tmp_path)] == [kept.relative_to(tmp_path).as_posix()]
    assert latest_path(tmp_path) == kept.relative_to(tmp_path).as_posix()
    assert entries(tmp_path / "nothing") == []


def test_suites_and_comparisons_are_entries(tmp_path: Path) -> None:
    """A suite has its runs, also if all of `reports` came from another machine; each run has its suite."""
    run = keep_run(tmp_path)
    suite = keep_suite(tmp_path, run, began=BEGAN + timedelta(hours=1))
    compared = tmp_path / "comparisons" / "2026-11-01T14-00-00Z"
    compared.mkdir(parents=True)
    write(compared / "comparison.json", {"before": "1.90.0", "after": "1.106.2", "chain": "gpt4", "regressions": [{}]})
    found = {entry.kind: entry for entry in entries(tmp_path)}
    assert [*found] == ["comparison", "suite", "run"]
    assert found["run"].suite == found["suite"].path == suite.relative_to(tmp_path).as_posix()
    assert (found["suite"].verdict, found["suite"].note) == ("pass", "1 of 1 passed")
    assert (found["comparison"].verdict, found["comparison"].note) == ("fail", "1.90.0 → 1.106.2")


def test_samples_are_of_any_kind(tmp_path: Path) -> None:
    """A sample of a suite has no runs: those that it names are of another machine, whatever has their names here."""
    run = keep_run(tmp_path)
    suite = keep_suite(tmp_path, run)
    (tmp_path / "samples").mkdir()
    suite.rename(tmp_path / "samples" / "suite")
    run.rename(tmp_path / "samples" / "run")
    again = keep_run(tmp_path)
    found = {entry.path: entry for entry in entries(tmp_path)}
    assert {path: entry.kind for path, entry in found.items()} == {
        "samples/suite": "suite",
        "samples/run": "run",
        again.relative_to(tmp_path).as_posix(): "run",
    }
    assert {entry.suite for entry in found.values()} == {""}


def test_a_suite_under_way_has_no_verdict(tmp_path: Path) -> None:
    """What its cells have so far is no answer."""
    keep_suite(tmp_path, keep_run(tmp_path), ended=False)
    suite = next(entry for entry in entries(tmp_path) if entry.kind == "suite")
    assert (suite.verdict, suite.note) == ("", "0 of 1 runs ended")


def test_the_digest_of_a_chain_changes_with_the_chain_alone(tmp_path: Path) -> None:
    """Neither its name nor a field that is empty counts; the order of its providers does."""
    keep_run(tmp_path, BEGAN)
    keep_run(tmp_path, BEGAN + timedelta(hours=1), chain="renamed")
    other = keep_run(tmp_path, BEGAN + timedelta(hours=2))
    plan = json.loads((other / "plan.json").read_text())
    write(other / "plan.json", {**plan, "chain": {**plan["chain"], "peers": [], "model": None}})
    keep_run(tmp_path, BEGAN + timedelta(hours=3), order=("azure", "openai"))
    changed, *same = [entry.digest for entry in entries(tmp_path)]
    assert len({*same}) == 1
    assert changed not in same


def test_two_writers_at_once_leave_a_whole_file(tmp_path: Path) -> None:
    """Whoever is last has its page there, and no temporary file is left."""
    pages = [letter * 200_000 for letter in "abcdef"]
    writers = [threading.Thread(target=write_index, args=(tmp_path, page)) for page in pages]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (tmp_path / "index.html").read_text() in pages
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]


def test_one_updates_the_index_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one waits for the first; it does not wait for ever."""
    order: list[str] = []

    def second() -> None:
        with one_at_a_time(tmp_path):
            order.append("second")

    with one_at_a_time(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]
    monkeypatch.setattr(index, "_LOCK_WAIT_S", 0.0)
    with one_at_a_time(tmp_path), one_at_a_time(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is no cache, and each call reads all of it."""
    keep_run(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index, "write_file", full)
    assert len(entries(tmp_path)) == 1
    assert not (tmp_path / ".index.json").exists()
