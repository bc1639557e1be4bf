"""Runs of the real command, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]

CHAIN = """\
name: quick
driver: litellm-router
providers:
  openai:    {dialect: openai,    model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  azure:     {dialect: azure,     model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022, reply: {ttft: 20ms, tokens: 5}}
order: [openai, azure, anthropic]
retry: {attempts: 2}
timeout: 5s
"""
SCENARIO = """\
name: quick
chain: chain.yaml
load: {rate: 15/s, arrivals: constant, deadline: 10s}
phases: {baseline: 2s, fault: 2s, recovery: 2s}
faults:
  - {on: primary, during: fault, inject: {status: 503}}
expect:
  - success_rate in fault >= 80%
  - no retry_storm
"""


def poll(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Return the first true value of a condition, polled until a deadline."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)  # and not more often: the run being watched needs the machine
    raise AssertionError(f"not within {within_s} s: {what}")


@dataclass
class LiveRun:
    """A running `harness run`."""

    process: subprocess.Popen[str]
    reports: Path
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
        return poll(lambda: self.children().get(name), within_s=60, what=f"{name} started")

    @property
    def folder(self) -> Path:
        """The run's folder, as soon as it is there."""
        return poll(lambda: next(self.reports.glob("*/2*"), None), within_s=60, what="a run's folder")

    def origin_ns(self) -> int:
        """Return when the run's clock began, as soon as that is known."""
        path = self.folder / "capture" / "runner.jsonl"

        def found() -> int | None:
            lines = path.read_text().splitlines() if path.exists() else []
            rows = [json.loads(line) for line in lines if line.startswith('["origin"')]
            return rows[0][1]["at_ns"] if rows else None

        return poll(found, within_s=60, what="the origin")

    def until(self, at_s: float) -> None:
        """Return when the run's clock shows `at_s` seconds."""
        at_ns = self.origin_ns() + int(at_s * 1e9)
        poll(lambda: time.monotonic_ns() >= at_ns, within_s=60, what=f"{at_s} s into the run")
        self.children()

    def end(self, within_s: float) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        out, err = self.process.communicate(timeout=within_s)
        return self.process.returncode, out, err

    def leftovers(self) -> list[str]:
        """Return the processes that are still alive and the ports that are still open."""
        alive = [f"{pid}: {child}" for pid, child in self.seen.items() if _alive(child)]
        return alive + [f"port {port}" for port in self.ports if _open(port) and not _strangers(port, set(self.seen))]


PARTS = {
    "edge": "harness.edge",
    "chain": "harness.drivers",
    "load": "harness.live.locustfile",
    "toxiproxy": "toxiproxy-server",
}


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _strangers(port: int, ours: set[int]) -> bool:
    """Say whether the system has given a port that we had to somebody else by now."""
    owners = {c.pid for c in psutil.net_connections("tcp") if c.laddr.port == port and c.status == psutil.CONN_LISTEN}
    return bool(owners - {None}) and not owners & ours


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


Start = Callable[..., LiveRun]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start runs of a scenario; whatever a test leaves behind is killed."""
    runs: list[LiveRun] = []

    def begin(
        scenario: str = SCENARIO,
        chain: str = CHAIN,
        *arguments: str,
        env: dict[str, str] | None = None,
        wrap: tuple[str, ...] = (),
    ) -> LiveRun:
        folder = tmp_path / f"run-{len(runs)}"
        folder.mkdir()
        (folder / "scenario.yaml").write_text(scenario)
        (folder / "chain.yaml").write_text(chain)
        command = [*wrap, sys.executable, "-m", "harness", "run", str(folder / "scenario.yaml"), "--json"]
        command += ["--reports", str(folder / "reports"), *arguments]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        runs.append(LiveRun(process, folder / "reports"))
        return runs[-1]

    yield begin
    for run in runs:
        run.children()
        for process in [run.process, *run.seen.values()]:
            try:
                process.send_signal(signal.SIGKILL)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        run.process.communicate()
