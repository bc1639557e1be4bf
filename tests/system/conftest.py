"""The real command, watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from tests.polling import until
from tests.system.browser import browser, page  # noqa: F401 - fixtures, for every test of this folder
from tests.system.chains import CHAIN, SCENARIO

ROOT = Path(__file__).parents[2]
MANY = 25
"""Requests, with the warm-up's, when the fault is on: three and a baseline of fifteen come before it."""
END_S = 60
"""How long a run may take to end after something happened to it; by its plan it would go on for longer."""


poll = partial(until, every_s=0.05)  # and not more often: the run being watched needs the machine


@dataclass
class LiveRun:
    """A running `harness run`, or a suite.

    Attributes:
        process: The command's.
        reports: The folder of what it keeps.
        listed: The machine's process list, as every user sees it, looked at now and then while it ran.
        seen: Every process below it that was ever seen.
        ports: Every port that these listened on.
    """

    process: subprocess.Popen[str]
    reports: Path
    listed: str = ""
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)

    def children(self) -> dict[str, psutil.Process]:
        """Return the run's parts by name, and remember every process and port that was ever seen."""
        named = {}
        try:
            below = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return {}
        for child in below:
            try:
                command = " ".join(child.cmdline())
                self.ports |= {c.laddr.port for c in child.net_connections() if c.status == psutil.CONN_LISTEN}
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
            self.seen[child.pid] = child
            for name, mark in PARTS.items():
                if mark in command and "tether" not in command:
                    named[name] = child
        return named

    def part(self, name: str) -> psutil.Process:
        """Return a part as soon as it is there."""
        return poll(lambda: self.children().get(name), what=f"{name} started")

    @property
    def folder(self) -> Path:
        """The run's folder, as soon as it is there."""
        return poll(lambda: next(self.reports.glob("*/2*"), None), what="a run's folder")

    def origin_ns(self) -> int:
        """Return when the run's clock began, as soon as that is known."""
        path = self.folder / "capture" / "runner.jsonl"

        def found() -> int | None:
            lines = path.read_text().splitlines() if path.exists() else []
            rows = [json.loads(line) for line in lines if line.startswith('["origin"')]
            return rows[0][1]["at_ns"] if rows else None

        return poll(found, what="the origin")

    def until(self, at_s: float) -> None:
        """Return when the run's clock shows `at_s` seconds."""
        self.look()
        at_ns = self.origin_ns() + int(at_s * 1e9)
        poll(lambda: time.monotonic_ns() >= at_ns, what=f"{at_s} s into the run")
        self.look()

    def until_recorded(self, count: int) -> None:
        """Return when so many requests, warm-up included, have ended and are on the disk."""
        path = self.folder / "capture" / "load.jsonl"

        def found() -> bool:
            return path.exists() and path.read_bytes().count(b'["request",') >= count

        poll(found, what=f"{count} requests on the disk")
        self.look()

    def look(self) -> None:
        """Remember what there is to be seen of it from outside."""
        self.children()
        self.listed += subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout

    def end(self, within_s: float = 300) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, err = self.process.communicate(timeout=1)
                return self.process.returncode, out, err
            self.look()
        raise AssertionError(f"it did not end within {within_s} s")

    def check_kept(self, requests_min: int) -> None:
        """What was captured until something happened to the run is there, joined, and the run is no pass."""
        assert len(pd.read_parquet(self.folder / "requests.parquet")) >= requests_min
        assert json.loads((self.folder / "verdict.json").read_text())["status"] == "inconclusive"
        assert (self.folder / "junit.xml").stat().st_size > 0

    def leftovers(self) -> list[str]:
        """Return the processes that are still alive and the ports that are still open."""
        alive = [f"{pid}: {child}" for pid, child in self.seen.items() if _alive(child)]
        return alive + [f"port {port}" for port in self.ports if _open(port) and not _strangers(port, set(self.seen))]


BUSY_NS = 20_000_000
"""Who is woken that much too late, with nothing else to do, is on a busy machine."""
PARTS = {
    "edge": "harness.edge",
    "chain": "harness.drivers",
    "load": "harness.live.locustfile",
    "toxiproxy": "-host 127.0.0.1 -port",  # a mere `toxiproxy-server` is also asked for its version
}


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def starved(verdict: dict[str, Any], folder: Path) -> bool:
    """Say whether the machine kept a run from an answer: its load came late, and so did those that do next to nothing."""
    health = pd.read_parquet(folder / "health.parquet")
    idle = health.loc[health["process"].isin(["runner", "edge"]), "loop_lag_ns"]
    late = any(re.match(r"(a request was|requests were) sent .*late", reason) for reason in verdict["reasons"])
    return verdict["status"] == "inconclusive" and late and idle.max() > BUSY_NS


def _strangers(port: int, ours: set[int]) -> bool:
    """Say whether the system has given a port that we had to somebody else by now."""
    owners = {c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == psutil.CONN_LISTEN}
    return bool(owners - {None}) and not owners & ours


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def launch(folder: Path, *words: str, env: dict[str, str] | None = None, wrap: tuple[str, ...] = ()) -> LiveRun:
    """Start the command in a session of its own.

    Args:
        folder: Its reports go into a folder in here.
        words: `run`, `suite` and so on, with arguments.
        env: More of an environment.
        wrap: The program that starts it.
    """
    reports = folder / "reports"
    process = subprocess.Popen(
        [*wrap, sys.executable, "-m", "harness", *words, "--json", "--reports", str(reports)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return LiveRun(process, reports)


def finish(run: LiveRun) -> None:
    """Kill whatever is left of it."""
    run.children()
    for process in [run.process, *run.seen.values()]:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.send_signal(signal.SIGKILL)
    run.process.communicate()


Start = Callable[..., LiveRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start runs of a scenario; whatever a test leaves behind is killed."""
    runs: list[LiveRun] = []

    def begin(scenario: str = SCENARIO, chain: str = CHAIN, *words: str, **how: Any) -> LiveRun:
        folder = tmp_path / f"run-{len(runs)}"
        folder.mkdir()
        (folder / "scenario.yaml").write_text(scenario)
        (folder / "chain.yaml").write_text(chain)
        runs.append(launch(folder, "run", str(folder / "scenario.yaml"), *words, **how))
        return runs[-1]

    yield begin
    for run in runs:
        finish(run)


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """Serve a provider in the place of a real one; return its address."""
    command = [sys.executable, "-m", "harness", "serve", "scenarios/chains/gpt4-azure-claude.yaml", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            yield json.loads(serving.stdout.readline())["providers"]["openai"]
        finally:
            serving.terminate()
