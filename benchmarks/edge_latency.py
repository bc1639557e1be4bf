"""What Toxiproxy and the edge add to a provider's latency, next to a bare mock, in one run.

Requests go out at a fixed pace and count from their intended start. Passes alternate.

    python benchmarks/edge_latency.py [--toxiproxy PATH] [--json FILE]
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

from edge_load import Server, call_json, cores, edge, free_port, latencies_s, started, wait_for

TARGET = 1.6
RATE_PER_S = 200.0

BARE_MOCK = """
import json, sys
from aiohttp import web

async def answer(request):
    asked = await request.json()
    message = {"role": "assistant", "content": "hello, and five more words follow here"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return web.json_response({"id": "x", "object": "chat.completion", "model": asked["model"], "choices": [choice]})

app = web.Application()
app.router.add_post("/v1/chat/completions", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
"""


@contextmanager
def bare_mock() -> Iterator[Server]:
    """Run the least that an aiohttp server can be."""
    port = free_port()
    with started([sys.executable, "-c", BARE_MOCK, str(port)]) as process:
        wait_for(port, process)
        yield Server("bare mock", port, process)


@contextmanager
def proxied(program: str, upstream: Server) -> Iterator[Server]:
    """Run Toxiproxy in front of a server."""
    api = free_port()
    quiet = {"env": {**os.environ, "LOG_LEVEL": "error"}, "stdout": subprocess.DEVNULL}
    with started([program, "-host", "127.0.0.1", "-port", str(api)], **quiet) as process:
        wait_for(api, process)
        proxy = {"name": "openai", "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{upstream.port}", "enabled": True}
        made = call_json(f"http://127.0.0.1:{api}/proxies", proxy)
        yield Server("toxiproxy + edge", int(made["listen"].rpartition(":")[2]), process)


def main() -> None:
    """Measure, print, and write the result down."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--toxiproxy", metavar="PATH", default=shutil.which("toxiproxy-server"))
    arguments.add_argument("--json", type=Path, metavar="FILE", help="write the result here")
    arguments.add_argument("--rounds", type=int, default=4)
    arguments.add_argument("--seconds", type=float, default=4.0, help="of each pass")
    options = arguments.parse_args()
    if options.toxiproxy is None:
        print("left out: there is no toxiproxy-server on PATH; name one by --toxiproxy PATH")
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        edge_alone = stack.enter_context(edge(folder))
        servers = [
            stack.enter_context(bare_mock()),
            edge_alone,
            stack.enter_context(proxied(options.toxiproxy, edge_alone)),
        ]
        os.sched_setaffinity(0, cores()[1])
        result = measure(servers, options.rounds, options.seconds)
    print(f"{'server':18}{'p50 us':>9}{'p99 us':>9}{'p50 is':>9}{'target':>8}")
    for name, (p50, p99) in result["latency_us"].items():
        line = f"{name:18}{p50:9.0f}{p99:9.0f}"
        if name in result["ratio"]:
            line += f"{result['ratio'][name]:8.2f}x" + (f"{TARGET:7.1f}x" if name == servers[-1].name else "")
        print(line)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def measure(servers: list[Server], rounds: int, seconds: float) -> dict[str, dict[str, object]]:
    """Return each server's latency, and the ratios of the medians to the bare mock's, pass by pass."""
    passes: dict[str, list[list[float]]] = {server.name: [] for server in servers}
    for server in servers:
        latencies_s(server.port, 1.0, RATE_PER_S)
    for _ in range(rounds):
        for server in servers:
            passes[server.name].append(latencies_s(server.port, seconds, RATE_PER_S))
    bare = [statistics.median(found) for found in passes["bare mock"]]
    return {
        "latency_us": {name: _latency_us([x for found in lists for x in found]) for name, lists in passes.items()},
        "ratio": {
            name: statistics.median(statistics.median(found) / base for found, base in zip(lists, bare, strict=True))
            for name, lists in passes.items()
            if name != "bare mock"
        },
        "target": {"toxiproxy + edge": TARGET},
    }


def _latency_us(found_s: list[float]) -> tuple[float, float]:
    ordered = sorted(found_s)
    return ordered[len(ordered) // 2] * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6


if __name__ == "__main__":
    main()
