"""How the load process ends, and what it refuses: in mid-run, on a full disk, without files, without an owner."""

import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.history.records import RequestRecord
from harness.lines import write
from harness.live.worker_messages import GaveUp
from harness.messages import Begin, LoadReady, LoadStart
from harness.scenario.schema import Load
from harness.store.capture import rows
from tests.live.load_child import (
    PATIENCE_S,
    Answer,
    Server,
    arrivals,
    child,
    finish,
    say_ok,
    serving,
    spawn,
)
from tests.polling import until

pytestmark = pytest.mark.system


def recorded(folder: Path) -> int:
    """Return how many requests are on the disk."""
    file = folder / "load.jsonl"
    return file.read_bytes().count(b'"request",') if file.exists() else 0


def test_end_of_input_ends_it_with_requests_in_flight(tmp_path: Path) -> None:
    """A runner that goes away takes the load with it, and what was recorded is on disk."""
    hold = threading.Event()

    def answer(request_id: str, body: dict[str, Any]) -> Answer:
        return say_ok(request_id, body) if request_id == "req-000001" else [hold]

    with serving(Server(answer)) as server, child(tmp_path, server.base_url, arrivals(300)) as load:
        load.begin()
        until(lambda: len(server.bodies) == 300 and recorded(tmp_path) == 1)
        assert load.end() == 0
        assert load.line() == b""  # it never claimed to be done
        hold.set()
    assert [record.request_id for record in load.requests()] == ["req-000001"]


def test_end_of_input_before_the_origin(tmp_path: Path) -> None:
    """A run that is called off before it begins ends cleanly."""
    with serving(Server(say_ok)) as server, child(tmp_path, server.base_url, arrivals(5)) as load:
        load.message(LoadReady)
        assert load.end() == 0
    assert load.requests() == []


def test_a_kill_keeps_what_was_flushed(tmp_path: Path) -> None:
    """What is on disk when the process is killed is whole rows."""
    hold = threading.Event()

    def answer(request_id: str, body: dict[str, Any]) -> Answer:
        return say_ok(request_id, body) if request_id < "req-000051" else [hold]

    with serving(Server(answer, keep=True)) as server, child(tmp_path, server.base_url, arrivals(100)) as load:
        load.begin()
        until(lambda: recorded(tmp_path) == 50)
        load.process.send_signal(signal.SIGKILL)
        assert load.process.wait(PATIENCE_S) == -signal.SIGKILL
        hold.set()
    assert {record.outcome for record in load.requests()} == {"ok"}
    assert len(load.requests()) == 50


def test_a_busy_event_loop_does_not_starve_the_writer(tmp_path: Path) -> None:
    """Rows reach the disk although no greenlet ever gives way; patched into a greenlet, the writer would wait for it."""
    program = """
import sys, time, harness.live.locustfile
from pathlib import Path
from harness.part import health
from harness.store import Capture
capture = Capture(Path(sys.argv[1]), "load")
capture.put(health("load", 0, capture))
until = time.monotonic() + 30
while not capture.path.stat().st_size:
    assert time.monotonic() < until
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=PATIENCE_S)


@pytest.mark.parametrize(("hard", "outcomes"), [(4096, {"ok"}), (60, {"ok", "dropped"})])
def test_open_files_are_the_loads_own_concern(tmp_path: Path, hard: int, outcomes: set[str]) -> None:
    """A low limit on open files is raised; where it cannot be, arrivals are dropped and the chain is not blamed."""
    hold = threading.Event()

    def dropped() -> int:
        file = tmp_path / "load.jsonl"
        return file.read_bytes().count(b'"dropped"') if file.exists() else 0

    with serving(Server(lambda request_id, body: [hold, *say_ok(request_id, body)])) as server:
        start = LoadStart(
            capture=str(tmp_path),
            token="abcd1234",
            base_url=server.base_url,
            model="gpt-4",
            load=Load(rate=1),
            arrivals=arrivals(100),
        )
        process = spawn(limit=(resource.RLIMIT_NOFILE, (60, hard)))
        try:
            assert process.stdin is not None
            process.stdin.write(write(start) + write(Begin(origin_ns=time.monotonic_ns())))
            process.stdin.flush()
            until(lambda: len(server.bodies) + dropped() == 100)
            hold.set()
            assert process.stdout is not None
            messages = [process.stdout.readline() for _ in ("ready", "done")]
            process.stdin.close()
            assert process.wait(PATIENCE_S) == 0
        finally:
            finish(process)
    assert b"LoadDone" in messages[1]
    found = [row for row in rows(tmp_path / "load.jsonl") if isinstance(row, RequestRecord)]
    assert {record.outcome for record in found} == outcomes
    assert all("Too many open files" in (record.error or "") for record in found if record.outcome == "dropped")


def test_a_full_disk_ends_it(tmp_path: Path) -> None:
    """Records that cannot be written are an error of the harness, which the exit code shows."""
    start = LoadStart(
        capture=str(tmp_path),
        token="abcd1234",
        base_url="http://127.0.0.1:9/v1",
        model="gpt-4",
        load=Load(rate=1),
        arrivals=arrivals(100),
    )
    process = spawn(limit=(resource.RLIMIT_FSIZE, (1000, 1000)))
    try:
        assert process.stdin is not None
        assert process.stderr is not None
        with ThreadPoolExecutor() as pool:  # every request complains, and a pipe that nobody reads would hold it up
            said = pool.submit(process.stderr.read)
            process.stdin.write(write(start) + write(Begin(origin_ns=time.monotonic_ns())))
            process.stdin.flush()
            assert process.wait(PATIENCE_S) == 4
            assert b"File too large" in said.result()
    finally:
        finish(process)


def test_an_unsendable_header_is_refused_without_its_value(tmp_path: Path) -> None:
    """A secret with a stray line break stops the run, and stays secret."""
    headers = {"authorization": "Bearer sk-secret-2\n"}
    with child(tmp_path, "http://127.0.0.1:9/v1", (), headers=headers) as load:
        assert load.message(GaveUp).error.problem == "header 'authorization' cannot be sent"
        assert load.process.wait(PATIENCE_S) == 4
        assert load.process.stderr is not None
        said = load.process.stderr.read().decode()
    assert "header 'authorization' cannot be sent" in said
    assert "sk-secret-2" not in said


def test_an_unreadable_start_message_is_named() -> None:
    """Whatever comes instead of a start message, there is one sentence and an exit code, no traceback."""
    process = spawn()
    try:
        _, said = process.communicate(b'{"LoadStart": {"token": 1}}\n', timeout=PATIENCE_S)
    finally:
        finish(process)
    assert process.returncode == 4
    assert b"unreadable start message" in said
    assert b"Traceback" not in said


def test_without_input_there_is_nothing_to_do() -> None:
    """An empty standard input ends it before it begins."""
    process = spawn(stdin=subprocess.DEVNULL)
    try:
        assert process.wait(PATIENCE_S) == 0
    finally:
        finish(process)


def test_without_a_listener_it_still_records(tmp_path: Path) -> None:
    """A closed standard output loses messages, not rows."""
    with serving(Server(say_ok)) as server, child(tmp_path, server.base_url, arrivals(3)) as load:
        assert load.process.stdout is not None
        load.process.stdout.close()
        load.send(Begin(origin_ns=time.monotonic_ns()))
        until(lambda: recorded(tmp_path) == 3)
        assert load.end() == 0
