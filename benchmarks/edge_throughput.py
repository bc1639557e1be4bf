"""How many requests per second the edge answers, next to other LLM mocks, in one run.

The edge records every attempt, as in a live run. All servers answer the same chat request at once, over keep-alive
connections; they share one core and the load has another. Passes alternate, so that a busy machine is busy for all.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rig.result import Row, tell
from rig.servers import Server, cores, edge, free_port, started, throughput_per_s, wait_for

CACHE = Path(__file__).parent / ".cache"
AIMOCK = "@copilotkit/aimock"
TARGETS = {"aimock": 2.2, "llmock": 8.0}
INSTALL_S = 180
ROUNDS = 5
PASS_S = 2.0


@contextmanager
def aimock(folder: Path) -> Iterator[Server]:
    """Run the npm mock."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise LookupError("node or npm is missing")
    home = CACHE / "aimock"
    if not (home / "node_modules" / AIMOCK).is_dir():
        home.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), AIMOCK]
        subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_S)
    fixtures = folder / "fixtures"
    fixtures.mkdir()
    fixture = {"match": {"userMessage": "hello"}, "response": {"content": "hello, and five more words follow here"}}
    (fixtures / "chat.json").write_text(json.dumps({"fixtures": [fixture]}))
    port = free_port()
    command = [str(home / "node_modules/.bin/llmock"), "-p", str(port), "-f", str(fixtures), "--log-level", "silent"]
    with started(command) as process:
        wait_for(port, process)
        yield Server("aimock", port, process)


@contextmanager
def llmock() -> Iterator[Server]:
    """Run the PyPI mock."""
    home = CACHE / "llmock"
    program = home / "bin" / "llmock"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, timeout=INSTALL_S)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "llmock"]
        subprocess.run(install, check=True, capture_output=True, timeout=INSTALL_S)
    port = free_port()
    with started(
        [str(program), "serve", "-p", str(port), "--log-level", "error"], stdout=subprocess.DEVNULL
    ) as process:
        wait_for(port, process)
        yield Server("llmock", port, process)


def measure() -> list[Row]:
    """Return requests per second of each server, and the edge's ratios to the others, pass by pass."""
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [stack.enter_context(edge(folder))]
        for name, other in (("aimock", aimock(folder)), ("llmock", llmock())):
            try:
                servers.append(stack.enter_context(other))
            except (LookupError, subprocess.SubprocessError, OSError) as error:
                rows.append(Row(what=f"{name}: left out: {error}", measured=0, unit="requests/s"))
        os.sched_setaffinity(0, cores()[1])
        per_s, cpu_us = passes(servers)
    rows += [Row(what=name, measured=statistics.median(found), unit="requests/s") for name, found in per_s.items()]
    rows += [
        Row(what=f"{name}, CPU", measured=statistics.median(found), unit="µs each") for name, found in cpu_us.items()
    ]
    for name, found in per_s.items():
        if name != "edge":
            ratio = statistics.median(mine / theirs for mine, theirs in zip(per_s["edge"], found, strict=True))
            target = TARGETS[name]
            rows.append(
                Row(what=f"edge / {name}", measured=ratio, unit="×", target=f">= {target:g}", met=ratio >= target)
            )
            by_cpu = statistics.median(cpu_us[name]) / statistics.median(cpu_us["edge"])
            rows.append(Row(what=f"edge / {name}, requests per CPU second", measured=by_cpu, unit="×"))
    return rows


def passes(servers: list[Server]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return requests per second and CPU time per request, in microseconds, of each server in each pass."""
    per_s: dict[str, list[float]] = {server.name: [] for server in servers}
    cpu_us: dict[str, list[float]] = {server.name: [] for server in servers}
    for server in servers:
        throughput_per_s(server.port, 1.0)  # compilers warm up
    for _ in range(ROUNDS):
        for server in servers:
            cpu_s = server.cpu_s()
            rate = throughput_per_s(server.port, PASS_S)
            per_s[server.name].append(rate)
            cpu_us[server.name].append((server.cpu_s() - cpu_s) / (rate * PASS_S) * 1e6)
    return per_s, cpu_us


if __name__ == "__main__":
    tell("edge_throughput", measure)
