"""Parts and runners that are killed: whatever else was started ends too, and what was recorded is kept."""

from __future__ import annotations

import json
import signal

import pytest

from tests.system.chains import CHAIN, LONG, REFERENCE, SCENARIO
from tests.system.conftest import END_S, MANY, PARTS, Start, finish, launch, poll

pytestmark = pytest.mark.system

ALL = 3 + 60
"""Requests of a whole run, with the warm-up's."""


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
    run.check_kept(0 if when == "start" else MANY)
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
    run.check_kept(MANY)
    assert "the run was cut short" in (folder / "report.html").read_text()
