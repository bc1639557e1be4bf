"""How many requests per second the edge answers, next to other LLM mocks, in one run.

The edge records every attempt, as in a live run. All servers answer the same chat request at once, over keep-alive
connections; they share one core and the load has another. Passes alternate, so that a busy machine is busy for all.

    python benchmarks/edge_throughput.py [--json FILE]
"""

from __future__ import annotations

import argparse
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

from edge_load import Server, cores, edge, free_port, started, throughput_per_s, wait_for

CACHE = Path(__file__).parent / ".cache"
AIMOCK = "@copilotkit/aimock"
TARGETS = {"aimock": 2.2, "llmock": 8.0}
INSTALL_S = 180


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


def main() -> None:
    """Measure, print, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=2.0, help="of each pass")
    options = arguments.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = [stack.enter_context(edge(folder))]
        missing: dict[str, str] = {}
        for name, other in (("aimock", aimock(folder)), ("llmock", llmock())):
            try:
                servers.append(stack.enter_context(other))
            except (LookupError, subprocess.SubprocessError, OSError) as error:
                missing[name] = str(error)
                print(f"{name}: left out: {error}")
        os.sched_setaffinity(0, cores()[1])
        result = measure(servers, options.rounds, options.seconds)
    result["missing"] = missing
    report(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def measure(servers: list[Server], rounds: int, seconds: float) -> dict[str, object]:
    """Return requests per second and CPU time per request of each server, and the edge's ratios to the others."""
    per_s: dict[str, list[float]] = {server.name: [] for server in servers}
    cpu_us: dict[str, list[float]] = {server.name: [] for server in servers}
    for server in servers:
        throughput_per_s(server.port, 1.0)  # compilers warm up
    for _ in range(rounds):
        for server in servers:
            cpu_s = server.cpu_s()
            rate = throughput_per_s(server.port, seconds)
            per_s[server.name].append(rate)
            cpu_us[server.name].append((server.cpu_s() - cpu_s) / (rate * seconds) * 1e6)
    rate_of = {name: statistics.median(found) for name, found in per_s.items()}
    cpu_of = {name: statistics.median(found) for name, found in cpu_us.items()}
    others = [server.name for server in servers if server.name != "edge"]
    return {
        "requests_per_s": rate_of,
        "cpu_us_per_request": cpu_of,
        "passes": per_s,
        "ratio": {
            name: statistics.median(mine / theirs for mine, theirs in zip(per_s["edge"], per_s[name], strict=True))
            for name in others
        },
        "cpu_ratio": {name: cpu_of[name] / cpu_of["edge"] for name in others},
        "target": TARGETS,
    }


def report(result: dict[str, object]) -> None:
    """Print the result as a table."""
    rates, cpu, ratios, cpu_ratios = (
        result[key] for key in ("requests_per_s", "cpu_us_per_request", "ratio", "cpu_ratio")
    )
    assert isinstance(rates, dict)
    assert isinstance(cpu, dict)
    assert isinstance(ratios, dict)
    assert isinstance(cpu_ratios, dict)
    print(f"{'server':10}{'requests/s':>12}{'CPU us each':>13}{'edge is':>10}{'target':>8}{'by CPU':>8}")
    for name, rate in rates.items():
        line = f"{name:10}{rate:12.0f}{cpu[name]:13.1f}"
        if name in ratios:
            line += f"{ratios[name]:9.2f}x{TARGETS[name]:7.1f}x{cpu_ratios[name]:7.2f}x"
        print(line)


if __name__ == "__main__":
    main()
