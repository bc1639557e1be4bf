"""What else can end a run: users who leave, machines that cannot keep up, disks that are full, a mistake of the user's."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.system.chains import LONG, REFERENCE, SCENARIO
from tests.system.conftest import END_S, MANY, Start

pytestmark = pytest.mark.system


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_cleans_up(start: Start, number: signal.Signals) -> None:
    """Ctrl-C, or an orderly end by the system: exit 130, all records, nothing left behind."""
    run = start(LONG)
    run.until_recorded(MANY)
    run.process.send_signal(number)
    code, out, _ = run.end(END_S)
    assert (code, json.loads(out)["error"]["problem"]) == (130, "interrupted")
    run.check_kept(MANY)
    assert run.leftovers() == []


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


def test_a_full_disk_is_reported(start: Start) -> None:
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
