"""A load of several processes: on this machine, from elsewhere, and what becomes of a run that loses one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from tests.system.chains import LONG, REFERENCE, SCENARIO
from tests.system.conftest import END_S, MANY, ROOT, LiveRun, Start, poll, starved

pytestmark = pytest.mark.system

TOKEN = {"HARNESS_TOKEN": "the token of this run"}


def join(address: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Be a worker until it ends."""
    command = [sys.executable, "-m", "harness", "worker", "--master", address, "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=END_S, check=False)


def address_of(run: LiveRun) -> str:
    """Return where a run waits for workers."""
    assert run.process.stderr is not None
    for line in run.process.stderr:
        if "harness worker --master " in line:
            return line.rpartition(" ")[2].strip()
    raise AssertionError("it did not wait for workers")


def test_workers_here_and_elsewhere_are_one_load(start: Start) -> None:
    """Every arrival is sent once, and the verdict is that of one process; a stranger is refused on both sides."""
    run = start(SCENARIO, REFERENCE, "--workers", "1", "--expect-workers", "1", env=TOKEN)
    address = address_of(run)
    stranger = join(address, HARNESS_TOKEN="another token, as long")
    assert stranger.returncode == 2
    assert "refused this worker: it has another token" in json.loads(stranger.stdout)["error"]["problem"]
    worker = join(address, **TOKEN)
    assert (worker.returncode, json.loads(worker.stdout)) == (0, {"worker": "worker-2", "sent": 30, "ok": 30})
    code, out, err = run.end()
    assert "was refused: it has another token" in err
    verdict = json.loads(out)["verdict"]
    assert code == 0 or starved(verdict, run.folder), (out, err)
    plan = json.loads((run.folder / "plan.json").read_text())
    requests = pd.read_parquet(run.folder / "requests.parquet")
    sent = requests[requests["phase"] != "warmup"]
    assert sorted(sent["request_id"]) == sorted(arrival["request_id"] for arrival in plan["arrivals"])
    assert Counter(sent["worker"]) == {"worker-1": 30, "worker-2": 30}
    assert Counter(requests["phase"])["warmup"] == 3
    workers = json.loads((run.folder / "environment.json").read_text())["workers"]
    assert [(each["name"], each["same_clock"], each["offset_ns"]) for each in workers] == [
        ("worker-1", True, 0),
        ("worker-2", True, 0),
    ]
    assert (
        TOKEN["HARNESS_TOKEN"] not in "".join(path.read_text() for path in (run.folder / "logs").iterdir()) + run.listed
    )
    assert run.leftovers() == []


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGSTOP, id="frozen", marks=pytest.mark.slow),
    ],
)
def test_a_lost_worker_ends_the_run(start: Start, number: signal.Signals) -> None:
    """Killed or frozen under load: exit 4, its name, the rows of both until then, nothing left behind."""
    run = start(LONG, REFERENCE, "--workers", "2")

    def recorded(name: str) -> int:
        path = run.folder / "capture" / f"{name}.jsonl"
        return path.read_bytes().count(b'["request",') if path.exists() else 0

    def victim() -> int | None:
        run.children()
        logs = {
            pid: Path(f"/proc/{pid}/fd/2").readlink().name for pid in run.seen if Path(f"/proc/{pid}/fd/2").exists()
        }
        return next((pid for pid, log in logs.items() if log == "worker-2.log"), None)

    poll(lambda: recorded("worker-1") + recorded("worker-2") >= MANY, what=f"{MANY} requests on the disk")
    os.kill(poll(victim, what="the second worker"), number)
    code, out, err = run.end(END_S)
    error = json.loads(out)["error"]
    assert (code, error["where"]) == (4, "worker-2"), (error, err)
    assert ("SIGKILL" if number == signal.SIGKILL else "no sign of life for 2.5 s") in error["problem"]
    run.check_kept(MANY)
    assert set(pd.read_parquet(run.folder / "requests.parquet")["worker"]) == {"worker-1", "worker-2"}
    assert run.leftovers() == []
