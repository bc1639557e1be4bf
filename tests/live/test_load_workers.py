"""A real master and real workers of Locust's, driven as the runner drives them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from harness.history.records import RequestRecord
from harness.lines import is_message, read, write
from harness.live.worker_messages import (
    AllJoined,
    GaveUp,
    JoinStart,
    MasterReady,
    MasterStart,
    Notice,
    Welcome,
    WorkersDone,
)
from harness.messages import Begin, LoadDone, LoadReady, LoadStart
from harness.scenario.schema import Load
from harness.store.capture import WorkerClock, rows
from tests.live.load_child import PATIENCE_S, Server, arrivals, finish, say_ok, serving, warmup

pytestmark = pytest.mark.system

M = TypeVar("M")

RUN = "a-token-of-the-run"
AHEAD_NS = 5_000_000_000
FAR_AWAY = f"""
import time
ours = time.monotonic_ns
time.monotonic_ns = lambda: ours() + {AHEAD_NS}
import sys, harness.live.locustfile, harness.live.load.worker
harness.live.load.worker.clock_name = lambda: "another machine's"
sys.exit(harness.live.locustfile.main())
"""
"""A worker whose clock is ahead of the master's."""
OLD = """
import sys, harness
harness.__version__ = "0.0.1"
import harness.live.locustfile
sys.exit(harness.live.locustfile.main())
"""


class Process:
    """A load process of any kind.

    Args:
        program: In place of the load's own.
    """

    def __init__(self, start: object, program: str | None = None) -> None:
        arguments = ["-m", "harness.live.locustfile"] if program is None else ["-c", program]
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(os.environ),
        )
        self.send(start)

    def send(self, message: object) -> None:
        """Send it a message."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(write(message))
        self.popen.stdin.flush()

    def message(self, shape: type[M]) -> M:
        """Return its next message."""
        assert self.popen.stdout is not None
        while not is_message(line := self.popen.stdout.readline()):
            assert line, f"it ended without a {shape.__name__}"
        return read(line, shape)

    def end(self) -> int:
        """Close its standard input and return its exit code."""
        assert self.popen.stdin is not None
        self.popen.stdin.close()
        return self.popen.wait(PATIENCE_S)


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Takes processes that are to be gone at the end."""
    found: list[Process] = []
    yield found
    for process in found:
        finish(process.popen)


def load_start(base_url: str, count: int) -> LoadStart:
    """Return a plan."""
    return LoadStart(
        token="abcd1234",
        base_url=base_url,
        model="gpt-4",
        load=Load(rate=1),
        arrivals=arrivals(count, every_ms=5),
        warmup=warmup(2),
    )


def requests(path: Path) -> list[RequestRecord]:
    """Return the requests in a file, without those of the warm-up."""
    return [row for row in rows(path) if isinstance(row, RequestRecord) and row.phase != "warmup"]


def refuse_strangers(master: Process, port: int, started: list[Process]) -> None:
    """Start what does not belong to a master that listens: each ends, with the reason on both sides, and takes no place."""
    join = JoinStart(host="127.0.0.1", port=port, token=RUN)
    strangers = [
        (Process(replace(join, token="another")), "it has another token"),
        (Process(join, OLD), "it has harness 0.0.1"),
    ]
    rival = Process(MasterStart(token=RUN, expected=1, port=port))
    started += [rival, *(process for process, _ in strangers)]
    for process, why in strangers:
        error = process.message(GaveUp).error
        assert error.problem.startswith(f"refused this worker: {why}")
        assert error.where == f"the master at 127.0.0.1:{port}"
        assert process.popen.wait(PATIENCE_S) == 2
    shown = sorted(master.message(Notice).text for _ in strangers)
    assert "was refused: it has another token; HARNESS_TOKEN must be the same on both sides" in shown[0]
    assert "was refused: it has harness 0.0.1" in shown[1]
    assert rival.message(GaveUp).error.problem == f"127.0.0.1:{port} is in use: does another run listen there?"
    assert rival.popen.wait(PATIENCE_S) == 4


def test_two_workers_send_a_plan_once(tmp_path: Path, started: list[Process]) -> None:
    """One here, one whose clock is 5 s ahead and whose rows are fetched: each arrival at its time, no row lost.

    Before, those that do not belong are refused.
    """
    own, far = tmp_path / "run", tmp_path / "far"
    own.mkdir()
    far.mkdir()
    with serving(Server(say_ok)) as server:
        master = Process(MasterStart(token=RUN, local=1, expected=1, capture=str(own)))
        started.append(master)
        port = master.message(MasterReady).port
        refuse_strangers(master, port, started)
        near = Process(JoinStart(host="127.0.0.1", port=port, token=RUN, name="worker-1", capture=str(own)))
        away = Process(JoinStart(host="127.0.0.1", port=port, token=RUN, scratch=str(far)), FAR_AWAY)
        started += [near, away]
        assert [each.message(Welcome).name for each in (near, away)] == ["worker-1", "worker-2"]
        master.message(AllJoined)
        master.send(load_start(server.base_url, 100))
        assert [call.ok for call in master.message(LoadReady).warmup] == [True, True]
        origin_ns = time.monotonic_ns() + 200_000_000
        master.send(Begin(origin_ns=origin_ns))
        assert master.message(LoadDone).ok == 100
        here, there = master.message(WorkersDone).workers
        assert (master.end(), away.popen.wait(PATIENCE_S), near.end()) == (0, 0, 0)

    assert (here.same_clock, here.offset_ns, here.bound_ns, here.drift_ns) == (True, 0, 0, 0)
    assert there.same_clock is False
    assert abs(there.offset_ns - AHEAD_NS) <= there.bound_ns + there.drift_ns
    (clock,) = [row for row in rows(own / "load.jsonl") if isinstance(row, WorkerClock)]
    assert clock == WorkerClock(worker="worker-2", offset_ns=there.offset_ns, unsure_ns=there.bound_ns + there.drift_ns)
    assert (own / "worker-2.jsonl").read_bytes() == (far / "worker-2.jsonl").read_bytes()
    found = {"worker-1": requests(own / "worker-1.jsonl"), "worker-2": requests(own / "worker-2.jsonl")}
    assert [len(each) for each in found.values()] == [50, 50]
    planned = {each.request_id: each.scheduled_ns for each in arrivals(100, every_ms=5)}
    assert {row.request_id for each in found.values() for row in each} == set(planned)
    for row in found["worker-2"]:
        assert row.start_ns is not None
        assert row.start_ns >= row.scheduled_ns
        early_ns = planned[row.request_id] + origin_ns - (row.scheduled_ns - AHEAD_NS)
        assert abs(early_ns) <= there.bound_ns + there.drift_ns


def test_a_lost_disk_is_named_and_the_other_rows_are_kept(tmp_path: Path, started: list[Process]) -> None:
    """The worker that cannot write its rows ends the run; those of the other are fetched first.

    Both call the chain by the port that was opened for workers elsewhere.
    """
    own, one, two = tmp_path / "run", tmp_path / "one", tmp_path / "two"
    for folder in (own, one, two):
        folder.mkdir()
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n" + FAR_AWAY
    with serving(Server(say_ok)) as server:
        master = Process(MasterStart(token=RUN, expected=2, capture=str(own)))
        started.append(master)
        port = master.message(MasterReady).port
        for folder, program in ((one, limited), (two, FAR_AWAY)):
            started.append(Process(JoinStart(host="127.0.0.1", port=port, token=RUN, scratch=str(folder)), program))
            started[-1].message(Welcome)
        master.message(AllJoined)
        elsewhere = replace(load_start("http://127.0.0.1:9/v1", 2000), relay_port=server.port)
        master.send(elsewhere)
        master.message(LoadReady)
        master.send(Begin(origin_ns=time.monotonic_ns()))
        error = master.message(GaveUp).error
        assert master.popen.wait(PATIENCE_S) == 4
    assert (error.problem, error.where) == ("File too large", "worker-1")
    assert [process.popen.wait(PATIENCE_S) for process in started[1:]] == [4, 4]
    assert (own / "worker-2.jsonl").read_bytes() == (two / "worker-2.jsonl").read_bytes()
    assert "ok" in {row.outcome for row in requests(own / "worker-2.jsonl")}


def test_the_web_ui_can_be_watched_and_not_changed(started: list[Process]) -> None:
    """It counts this run's requests, and its buttons do nothing."""
    with serving(Server(say_ok)) as server:
        load = Process(replace(load_start(server.base_url, 20), web_ui=True))
        started.append(load)
        web_ui = load.message(LoadReady).web_ui
        assert web_ui is not None
        assert web_ui.startswith("http://127.0.0.1:")
        load.send(Begin(origin_ns=time.monotonic_ns()))
        load.message(LoadDone)
        assert httpx.post(f"{web_ui}/swarm", data={"user_count": 5, "spawn_rate": 1}).status_code == 403
        assert "Locust" in httpx.get(web_ui).text
        found = json.loads(httpx.get(f"{web_ui}/stats/requests").text)
        assert (found["state"], found["stats"][-1]["num_requests"]) == ("running", 20)
        assert load.end() == 0
