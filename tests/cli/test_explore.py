"""`harness explore`, as people and programs use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_cli import ROOT, answer, harness
from tests.sim.test_search_describe import CHAIN


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    """Return the file of a chain that is right but for its promise: it waits as long as Retry-After asks."""
    path = tmp_path / "three.yaml"
    path.write_text(CHAIN)
    return path


def test_a_find_is_exit_1_and_a_file(chain: Path, tmp_path: Path) -> None:
    """With --json one object on stdout: how much was tried, and each find with its file."""
    out = tmp_path / "out"
    options = ["--budget", "60s", "--deadline", "100ms", "--property", "bounded_latency", "--out", str(out)]
    code, told = answer("explore", str(chain), *options)
    assert code == 1
    assert told["tried"] >= 1
    (found,) = told["found"]
    assert found["property"] == "bounded_latency"
    assert found["faults"] == 1
    assert Path(found["scenario"]) == out / "found-bounded-latency-1.yaml"
    assert "the caller waits" in found["sentence"]
    assert harness("check", found["scenario"])[0] == 0


def test_no_find_is_exit_0_and_says_what_was_searched(chain: Path, tmp_path: Path) -> None:
    """For people: a line with the size of the search."""
    code, out, _ = harness(
        "explore", str(chain), "--budget", "1s", "--property", "order_respected", "--out", str(tmp_path / "out")
    )
    assert code == 0
    assert out.startswith("nothing found\nsearched: ")
    assert "order_respected" in out


@pytest.mark.parametrize(
    "options",
    [["--budget", "5"], ["--budget", "0s"], ["--deadline", "soon"], ["--property", "luck"], ["--providers", "x"]],
)
def test_bad_usage_is_exit_2(chain: Path, options: list[str]) -> None:
    """Nothing is run."""
    code, told = answer("explore", str(chain), *options)
    assert code == 2
    assert told["error"]["problem"]


def test_a_chain_for_live_runs_alone_is_refused() -> None:
    """A gateway that runs in processes of its own."""
    code, told = answer("explore", "scenarios/chains/litellm-proxy.yaml")
    assert code == 2
    assert "live" in told["error"]["problem"]


def test_what_was_found_by_a_ctrl_c_is_kept_and_told(chain: Path, tmp_path: Path) -> None:
    """The run in hand is ended first; the find is a file and on stdout, and the exit status is that of an interruption."""
    out = tmp_path / "out"
    options = ["--budget", "10m", "--deadline", "100ms", "--out", str(out)]
    command = [sys.executable, "-m", "harness", "explore", str(chain), *options, "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as search:
        assert search.stderr is not None
        line = search.stderr.readline()
        while line and not line.startswith(b"found: "):  # a find is told at once
            line = search.stderr.readline()
        search.send_signal(signal.SIGINT)
        told, _ = search.communicate(timeout=60)
    assert search.returncode == 130
    found = json.loads(told)["found"]
    assert found
    assert all(Path(each["scenario"]).exists() for each in found)


@pytest.mark.parametrize("out", ["/proc/finds", "{file}/finds"])
def test_nowhere_to_keep_finds_is_reported_before_the_search(chain: Path, out: str) -> None:
    """Nobody waits a minute to hear that the folder cannot be written."""
    code, told = answer("explore", str(chain), "--out", out.format(file=chain))
    assert code == 2
    assert "nothing can be written" in told["error"]["problem"]
    assert told["error"]["hint"] == "--out DIR names another folder"
