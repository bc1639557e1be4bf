"""`harness runs`, as people and programs use it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.command import ROOT, harness
from tests.kept import BEGAN, keep_run


def paths(*arguments: str) -> list[str]:
    """Return the folders that the command lists."""
    code, out, _ = harness("runs", *arguments, "--json")
    assert code == 0
    return [Path(entry["path"]).name for entry in json.loads(out)["entries"]]


def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    """For people a row each, for programs all that is known."""
    keep_run(tmp_path, verdict="fail")
    keep_run(tmp_path, BEGAN + timedelta(days=1), page=True)
    code, out, err = harness("runs", "--reports", str(tmp_path))
    assert (code, err) == (0, "")
    assert [word for word in out.split() if word in ("PASS", "FAIL")] == ["PASS", "FAIL"]
    code, out, _ = harness("runs", "--reports", str(tmp_path), "--json")
    newest, oldest = json.loads(out)["entries"]
    assert newest["page"] == "primary-429/2026-11-02T12-00-00Z-1/report.html"
    assert (oldest["page"], oldest["verdict"], oldest["began"]) == (None, "fail", "2026-11-01T12:00:00+00:00")
    assert newest["numbers"]["fallback_overhead_p95"] is None


def test_filters(tmp_path: Path) -> None:
    """An age counts back from now, a date is a day in UTC."""
    old = keep_run(tmp_path, verdict="fail")
    new = keep_run(tmp_path, datetime.now(UTC) - timedelta(hours=2), scenario="refused")
    here = ("--reports", str(tmp_path))
    assert paths(*here, "--since", "3h") == paths(*here, "--since", "1d") == [new.name]
    assert paths(*here, "--since", "1h") == []
    assert paths(*here, "--since", "2026-11-01") == [new.name, old.name]
    assert paths(*here, "--verdict", "fail") == paths(*here, "--scenario", "primary-429") == [old.name]
    assert harness("runs", *here, "--scenario", "nothing")[1] == f"nothing like that is in {tmp_path}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "yesterday"), "neither an age nor a date: 'yesterday'"),
        (("--keep", "3"), "means nothing without --prune"),
        (("--prune",), "nothing says what to keep"),
    ],
)
def test_mistakes_are_named(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """Each with the option, and nothing is deleted."""
    kept = keep_run(tmp_path)
    code, _, err = harness("runs", "--reports", str(tmp_path), *arguments)
    assert code == 2
    assert said in err
    assert kept.is_dir()


def test_a_folder_of_reports_that_is_not_there(tmp_path: Path) -> None:
    """The hint says what makes it."""
    code, _, err = harness("runs", "--reports", str(tmp_path / "none"))
    assert code == 2
    assert "no such folder" in err
    assert "harness run" in err


def test_pruning_shows_and_deletes_only_with_a_yes(tmp_path: Path) -> None:
    """Where nobody can be asked, `--yes` has to say so; the index is brought up to date."""
    old, new = keep_run(tmp_path), keep_run(tmp_path, BEGAN + timedelta(days=1))
    prune = ("runs", "--reports", str(tmp_path), "--prune", "--keep", "1")
    code, out, err = harness(*prune)
    assert (code, err) == (0, "nothing is deleted: 1 folder would be, with --yes\n")
    assert str(old) in out
    assert old.is_dir()
    code, out, _ = harness(*prune, "--json")
    found = json.loads(out)
    assert (found["deleted"], [entry["path"] for entry in found["entries"]]) == (False, [f"primary-429/{old.name}"])
    code, out, _ = harness(*prune, "--yes")
    assert (code, out.splitlines()[-1]) == (0, "1 folder deleted")
    assert not old.exists()
    assert new.name in (tmp_path / "index.html").read_text()
    assert harness(*prune)[1] == "there is nothing to delete\n"


@pytest.mark.parametrize(("said", "left", "code"), [(b"n\n", True, 130), (b"y\n", False, 0)])
def test_pruning_asks_who_sits_at_a_terminal(said: bytes, left: bool, code: int, tmp_path: Path) -> None:
    """Anything but a yes deletes nothing."""
    kept = keep_run(tmp_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "harness", "runs", "--reports", str(tmp_path), "--prune", "--keep", "0"]
    os.write(ours, said)
    done = subprocess.run(command, stdin=theirs, capture_output=True, cwd=ROOT, timeout=120, check=False)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == code
    assert b"Delete 1 folder?" in done.stdout + done.stderr
    assert kept.exists() is left


def test_listing_imports_no_table_library(tmp_path: Path) -> None:
    """A list answers at once."""
    keep_run(tmp_path)
    heavy = ("pandas", "numpy", "scipy", "pyarrow", "matplotlib")
    program = (
        "import sys\nfrom harness.cli import main\n"
        f"sys.argv = ['harness', 'runs', '--reports', {str(tmp_path)!r}]\n"
        f"try: main()\nexcept SystemExit: print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, timeout=120, check=True)
    assert done.stdout.decode().splitlines()[-1] == "[]"
