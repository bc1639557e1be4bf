"""What can go wrong on the way: parts that die, users who leave, machines that cannot keep up, disks that are full."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pandas as pd
import pytest

from tests.system.chains import CHAIN, REFERENCE, SCENARIO
from tests.system.conftest import PARTS, LiveRun, Start, finish, launch, poll

pytestmark = pytest.mark.system

LONG = SCENARIO.replace("recovery: 1s", "recovery: 300s")
MANY = 25
"""Requests, with the warm-up's, when the fault is on: three and a baseline of fifteen come before it."""
ALL = 3 + 60
END_S = 60
"""How long a run may take to end after something happened to it; by its plan it would go on for longer."""


def check_kept(run: LiveRun, *, requests_min: int) -> None:
    """What was captured until then is there, joined, and the run is no pass."""
    (folder,) = run.reports.glob("*/2*")
    assert len(pd.read_parquet(folder / "requests.parquet")) >= requests_min
    verdict = json.loads((folder / "verdict.json").read_text())
    assert verdict["status"] == "inconclusive"
    assert (folder / "junit.xml").stat().st_size > 0


@pytest.mark.parametrize("part", sorted(PARTS))
@pytest.mark.parametrize("when", ["start", "fault", "drain"])
def test_a_killed_part_ends_the_run(start: Start, part: str, when: str) -> None:
    """`kill -9` of any part, at its start, under load or at the end: exit 4, its name, all records, nothing left behind."""
    run = start(SCENARIO if when == "drain" else LONG, CHAIN if when == "start" else REFERENCE)
    victim = run.part(part)
    if when != "start":
        run.until_recorded(MANY if when == "fault" else ALL)
    victim.send_signal(signal.SIGKILL)
    code, out, err = run.end(END_S)
    error = json.loads(out)["error"]
    assert (code, error["where"]) == (4, part), (error, err)
    assert "SIGKILL" in error["problem"] or "ended" in error["problem"]
    check_kept(run, requests_min=0 if when == "start" else MANY)
    assert run.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_cleans_up(start: Start, number: signal.Signals) -> None:
    """Ctrl-C, or an orderly end by the system: exit 130, all records, nothing left behind."""
    run = start(LONG)
    run.until_recorded(MANY)
    run.process.send_signal(number)
    code, out, _ = run.end(END_S)
    assert (code, json.loads(out)["error"]["problem"]) == (130, "interrupted")
    check_kept(run, requests_min=MANY)
    assert run.leftovers() == []


def test_a_killed_runner_takes_its_children_along(start: Start) -> None:
    """`kill -9` of the runner: nobody is left to clean up, and everything ends all the same, records kept."""
    run = start(LONG)
    run.until_recorded(MANY)
    run.process.kill()
    poll(lambda: not run.leftovers(), within_s=END_S, what="every child ended")
    (folder,) = run.reports.glob("*/2*")
    assert (folder / "capture" / "load.jsonl").stat().st_size > 0
    told = launch(folder.parent, "report", str(folder))
    try:
        code, out, _ = told.end()
    finally:
        finish(told)
    assert (code, json.loads(out)["verdict"]["status"]) == (3, "inconclusive")
    check_kept(run, requests_min=MANY)
    assert "did not come to its end" in (folder / "report.html").read_text()


def test_a_stalled_load_makes_the_run_inconclusive(start: Start) -> None:
    """A machine too slow to keep the arrival plan (here: the load is stopped for a second) gives no verdict."""
    run = start(SCENARIO, REFERENCE)
    run.until(1.2)
    load = run.part("load")
    load.suspend()
    run.until(2.4)
    load.resume()
    code, out, err = run.end()
    assert code == 3, (out, err)
    assert any("late" in reason or "lag" in reason for reason in json.loads(out)["verdict"]["reasons"])


def test_a_full_disk_is_told(start: Start) -> None:
    """No file may grow beyond 60 kB, as on a disk that fills up: exit 4, and the words for it."""
    run = start(LONG, REFERENCE, wrap=("prlimit", "--fsize=60000"))
    code, out, err = run.end()
    assert code == 4, (out, err)
    assert "File too large" in json.dumps(json.loads(out)["error"]) + err
    assert run.leftovers() == []


def test_a_wrong_scenario_starts_nothing(start: Start) -> None:
    """The user's mistake: exit 2, the line on stderr, JSON on stdout, no folder."""
    run = start(SCENARIO.replace("on: primary", "on: primry"))
    code, out, err = run.end()
    assert (code, json.loads(out)["error"]["hint"]) == (2, "did you mean 'primary'?")
    assert "scenario.yaml:6: faults[0].on: unknown provider 'primry'" in err
    assert not Path(run.reports).exists()
