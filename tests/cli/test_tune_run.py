"""`harness tune --run`: which single setting would have helped a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.engines import Quiet
from harness.errors import UsageError
from harness.experiment import measure_remedies
from harness.store import RunFolder
from tests.cli.test_cli import answer, harness

CHAIN = """\
name: planted
driver: reference
providers:
  openai: {{dialect: openai, model: gpt-4}}
  azure: {{dialect: azure, model: gpt-4}}
order: [openai, azure]
retry: {{attempts: 1, on: [rate_limit, server_error, connection, timeout]}}
timeout: {timeout}  # of an attempt
policy: {{deadline: 60s}}
"""
SCENARIO = """\
name: stall
title: The primary accepts calls and says nothing
chain: chain.yaml
load: {{rate: 2/s, deadline: 20s}}
phases: {{baseline: 10s, fault: {fault}, recovery: 10s}}
faults:
  - {{on: primary, during: fault, inject: {{connection: silent}}}}
expect: ["success_rate in fault >= 95%"]
"""


def run_of(folder: Path, *, timeout: str = "60s", fault: str = "40s") -> RunFolder:
    """Simulate a chain whose primary stalls, and return the run."""
    (folder / "chain.yaml").write_text(CHAIN.format(timeout=timeout), "utf-8")
    (folder / "stall.yaml").write_text(SCENARIO.format(fault=fault), "utf-8")
    harness("run", "stall.yaml", "--engine", "sim", "--no-report", cwd=folder)
    return RunFolder.open(folder / "reports" / "latest")


def tuned(folder: Path, *words: str) -> dict[str, Any]:
    """Return what the command answers."""
    code, out, err = harness("tune", *words, "--run", "reports/latest", "--json", cwd=folder)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_timeout_that_is_too_long_is_found(tmp_path: Path) -> None:
    """Its change of the user's own file, what it mends, and that nothing breaks; kept in the run's folder."""
    folder = run_of(tmp_path)
    found = tuned(tmp_path)
    best = found["tried"][0]
    assert best["label"] == "timeout"
    assert best["mends"] == ["`success_rate in fault >= 95%` (0 % → 100 %)"]
    assert best["breaks"] == []
    assert best["unserved"]["after"] == 0 < best["unserved"]["before"]
    assert best["diff"][:2] == ["--- chain.yaml", "+++ chain.yaml"]
    assert "-timeout: 60s  # of an attempt" in best["diff"]
    kept = folder.remedies()
    assert kept is not None
    assert kept.helpful[0].label == "timeout"
    assert len(kept.tried) == len(found["tried"]) > 5
    _code, shown, _err = harness("report", "reports/latest", cwd=tmp_path)
    assert "Measured: " in shown


def test_a_careful_chain_has_nothing_to_gain(tmp_path: Path) -> None:
    """All of its settings were tried."""
    run_of(tmp_path, timeout="1s")
    code, out, _err = harness("tune", "--run", "reports/latest", cwd=tmp_path)
    assert code == 0
    assert "No single setting would have helped" in out
    assert "timeout: " not in out


def test_a_chain_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    """What differs is named, and nothing is guessed; the old file, named, is taken."""
    folder = run_of(tmp_path, fault="5s")
    (tmp_path / "old.yaml").write_text((tmp_path / "chain.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "chain.yaml").write_text(CHAIN.format(timeout="2s"), "utf-8")
    code, _out, err = harness("tune", "--run", "reports/latest", cwd=tmp_path)
    assert code == UsageError("").exit_code
    assert "is not the chain of this run: timeout differ" in err
    assert folder.remedies() is None
    (tmp_path / "chain.yaml").unlink()
    code, _out, err = harness("tune", "--run", "reports/latest", cwd=tmp_path)
    assert "the file of the run's chain was not found" in err
    assert "harness tune CHAIN --run RUN" in err
    assert tuned(tmp_path, "old.yaml")["file"] == "old.yaml"


def test_what_was_done_until_an_interruption_is_kept(tmp_path: Path) -> None:
    """With how many values are left."""
    folder = run_of(tmp_path)
    asked = iter([False, False, False])
    found = measure_remedies(
        folder.path, tmp_path / "chain.yaml", progress=Quiet(), interrupted=lambda: next(asked, True)
    )[1]
    assert len(found.tried) == 3
    assert found.left_out > 3
    assert folder.remedies() == found


def test_an_inconclusive_run_says_what_would_decide_it(tmp_path: Path) -> None:
    """Nothing is tried."""
    run_of(tmp_path, timeout="1s", fault="3s")
    found = tuned(tmp_path)
    assert found["tried"] == []
    assert "the run is inconclusive" in found["reason"]
    assert "last" in found["reason"]


@pytest.mark.parametrize("words", [(), ("--run", "nowhere"), ("--run", "nowhere", "--trials", "3")])
def test_what_is_missing_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    """A chain or a run; a folder that is none; an option that only a search takes."""
    code, told = answer("tune", *words, "--reports", str(tmp_path))
    assert code == UsageError("").exit_code
    assert told["error"]["hint"]
