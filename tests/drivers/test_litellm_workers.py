"""Forked workers: one that dies, one that refuses, one that lingers, and an owner that is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

DEADLINE_S = 60


@contextmanager
def owner(what: str) -> Iterator[subprocess.Popen[str]]:
    """Start two workers and their owner."""
    command = [sys.executable, "-m", "tests.drivers.workers_child", what]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        timer = threading.Timer(DEADLINE_S, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def lines(process: subprocess.Popen[str]) -> tuple[list[dict[str, object]], str]:
    """End the owner's standard input; return its messages, and what went to standard error."""
    out, err = process.communicate(timeout=DEADLINE_S)
    return [json.loads(line) for line in out.splitlines()], err


def test_workers_end_with_their_input() -> None:
    """Each gets its whole start message and reports that it is ready; what libraries print goes to the log."""
    with owner("nothing") as process:
        (ready, end), err = lines(process)

    assert ready["numbers"] == [1, 2]
    assert end == {"end": "well"}
    assert err.count("a library's chatter") == 2


@pytest.mark.parametrize(
    ("what", "end"),
    [
        ("die", {"end": "worker 2 ended before its time (exit code -9)", "code": 4}),
        ("refuse", {"end": "worker 2 ended before its time (exit code 2)", "code": 2}),
        ("raise", {"end": "worker 2 ended before its time (exit code 1)", "code": 4}),
        ("linger", {"end": "worker 2 ended badly (exit code -9)", "code": 4}),
    ],
)
def test_an_odd_worker_is_reported(what: str, end: dict[str, object]) -> None:
    """One that dies, refuses its chain, breaks or does not end: named, with the exit code that fits."""
    with owner(what) as process:
        if what in ("refuse", "raise", "die"):
            assert process.stdout is not None
            told = [json.loads(line) for line in process.stdout]
        else:
            told, _err = lines(process)

    assert told[-1] == end


def test_a_killed_owner_leaves_no_worker() -> None:
    """Whoever kills the owner has ended its workers too."""
    with owner("nothing") as process:
        assert process.stdout is not None
        workers = [psutil.Process(pid) for pid in json.loads(process.stdout.readline())["pids"]]
        process.send_signal(signal.SIGKILL)

        _gone, alive = psutil.wait_procs(workers, timeout=DEADLINE_S)

    assert len(workers) == 2
    assert alive == []
