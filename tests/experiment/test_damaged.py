"""Runs and suites whose files are damaged, empty, or of somebody else: each command names the file, and never crashes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from harness.engines import Quiet
from harness.errors import UsageError
from harness.experiment import Baseline, compare, report, show, suite, trial
from tests.experiment.files import SCENARIO
from tests.plans import chain_file

CHAIN = chain_file("openai", "azure")


def truncate(path: Path) -> None:
    """Cut a file in half."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


def empty(path: Path) -> None:
    """Leave nothing of a file."""
    path.write_bytes(b"")


def scramble(path: Path) -> None:
    """Write bytes that are no text."""
    path.write_bytes(b"\xff\x00\xfe" * 100)


def replace_by_list(path: Path) -> None:
    """Write JSON that is no mapping."""
    path.write_text("[1, 2]")


def replace_by_other(path: Path) -> None:
    """Write what another program may have written."""
    path.write_text('{"name": 5, "warnings": 3, "command": 1, "cells": 7, "phases": [], "format": 1}')


def renumber(path: Path) -> None:
    """Write the format of a later version."""
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def replace_by_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def replace_by_pipe(path: Path) -> None:
    """Put a pipe in the place of a file, which nobody writes into."""
    path.unlink()
    os.mkfifo(path)


def foreign_table(path: Path) -> None:
    """Write a table of another program."""
    pd.DataFrame({"a": [1]}).to_parquet(path)


TEXT = (truncate, empty, scramble, replace_by_list, replace_by_other, renumber)
TABLE = (truncate, empty, scramble, replace_by_list, foreign_table)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keep a run, and a suite that consists of it; return their folder."""
    root = tmp_path_factory.mktemp("kept")
    (root / "one.yaml").write_text(SCENARIO.format(name="one", rate=3, baseline_s=3))
    (root / "chain.yaml").write_text(CHAIN)
    trial(root / "one.yaml", runs=root / "reports")
    suite([root / "one.yaml"], reports=root / "reports", progress=Quiet(), engine="sim")
    return root


@pytest.fixture
def root(kept: Path, tmp_path: Path) -> Path:
    """Return a copy of it."""
    return Path(shutil.copytree(kept, tmp_path / "kept", symlinks=True))


def run_of(root: Path) -> Path:
    """Return the folder of the run."""
    return min((root / "reports" / "one").iterdir())


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *((name, damage) for name in ("plan.json", "environment.json") for damage in TEXT),
        *((f"{name}.parquet", damage) for name in ("requests", "attempts", "faults", "health") for damage in TABLE),
        ("environment.json", replace_by_folder),
        ("environment.json", replace_by_pipe),
        ("faults.parquet", Path.unlink),
    ],
)
def test_a_report_of_a_damaged_run_names_the_file(root: Path, name: str, damage: Callable[[Path], None]) -> None:
    """Whatever happened to it."""
    run = run_of(root)
    damage(run / name)

    with pytest.raises(UsageError) as caught:
        report(run, reports=root / "reports", progress=Quiet())
    assert caught.value.where == str(run / name)
    if name != "environment.json":
        with pytest.raises(UsageError) as caught:
            show(run)
        assert caught.value.where == str(run / name)


@pytest.mark.parametrize("damage", TEXT)
@pytest.mark.parametrize("name", ["plan.json", "metrics.json", "verdict.json"])
def test_a_damaged_run_is_not_compared(root: Path, name: str, damage: Callable[[Path], None]) -> None:
    """Neither as the earlier one nor as the later one; a baseline is read before anything starts."""
    before = run_of(root)
    after = Path(shutil.copytree(before, root / "reports" / "one" / "after"))
    damage(after / name)

    for pair in ((before, after), (after, before)):
        with pytest.raises(UsageError) as caught:
            compare(*pair)
        assert str(after / name) in (caught.value.where or "")
    with pytest.raises(UsageError):
        Baseline.open(after)


@pytest.mark.parametrize("damage", [truncate, empty, scramble, replace_by_list, replace_by_other, renumber])
def test_a_damaged_suite_is_neither_resumed_nor_compared(root: Path, damage: Callable[[Path], None]) -> None:
    """Its file is named."""
    (folder,) = (root / "reports" / "suites").iterdir()
    damage(folder / "suite.json")

    with pytest.raises(UsageError) as caught:
        suite([root / "one.yaml"], reports=root / "reports", progress=Quiet(), engine="sim", resume=folder)
    assert caught.value.where == str(folder / "suite.json")
    with pytest.raises(UsageError) as caught:
        Baseline.open(folder)
    assert caught.value.where == str(folder / "suite.json")


def test_files_of_different_runs_are_not_mixed(root: Path) -> None:
    """Records that the plan has no phase or provider for are of another run."""
    run = run_of(root)
    plan = (run / "plan.json").read_text()
    (run / "plan.json").write_text(plan.replace('"fault"', '"afterwards"'))

    with pytest.raises(UsageError, match="files of different runs"):
        report(run, reports=root / "reports", progress=Quiet())
