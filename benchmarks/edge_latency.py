"""What Toxiproxy and the edge add to a provider's latency, next to a bare mock, in one run.

Requests go out at a fixed pace and count from their intended start. Passes alternate.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rig.result import Row, limited, quantile, tell
from rig.servers import Server, call_json, cores, edge, free_port, latencies_s, started, wait_for

from harness.live.toxiproxy import provision

TARGET = 1.6
RATE_PER_S = 200.0
ROUNDS = 4
PASS_S = 4.0

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


def measure() -> list[Row]:
    """Return each server's latency, and the ratios of the medians to the bare mock's, pass by pass."""
    program = provision().path
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        edge_alone = stack.enter_context(edge(folder))
        servers = [
            stack.enter_context(bare_mock()),
            edge_alone,
            stack.enter_context(proxied(str(program), edge_alone)),
        ]
        os.sched_setaffinity(0, cores()[1])
        passes = paced(servers)
    rows = []
    for name, lists in passes.items():
        every_us = [found * 1e6 for one in lists for found in one]
        rows.append(Row(what=f"{name}, p50", measured=quantile(every_us, 0.5), unit="µs"))
        rows.append(Row(what=f"{name}, p99", measured=quantile(every_us, 0.99), unit="µs"))
    bare = [statistics.median(found) for found in passes["bare mock"]]
    through = [statistics.median(found) for found in passes["toxiproxy + edge"]]
    ratio = statistics.median(mine / base for mine, base in zip(through, bare, strict=True))
    rows.append(limited("toxiproxy + edge / bare mock, p50", ratio, "×", TARGET))
    return rows


def paced(servers: list[Server]) -> dict[str, list[list[float]]]:
    """Return the latencies of each server in each pass, in seconds."""
    passes: dict[str, list[list[float]]] = {server.name: [] for server in servers}
    for server in servers:
        latencies_s(server.port, 1.0, RATE_PER_S)
    for _ in range(ROUNDS):
        for server in servers:
            passes[server.name].append(latencies_s(server.port, PASS_S, RATE_PER_S))
    return passes


if __name__ == "__main__":
    tell("edge_latency", measure)
