"""How truly a retry gap is measured.

A scripted client waits a known time between two failing attempts. Through Toxiproxy and the edge, its gap comes out of
the edge's records; it may be off by at most twice as much as with the same client against a bare aiohttp server. The
two take turns, so that the machine is the same for both.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rig.bare_server import BareReady, BareStart
from rig.result import Row, limited, quantile, tell

from harness.chain import Provider
from harness.history.records import AttemptRecord
from harness.live.processes import OwnedProcess
from harness.live.toxiproxy import Toxiproxy, provision
from harness.messages import Begin, EdgeReady, EdgeStart
from harness.provider.inject import Inject
from harness.provider.marker import Marker
from harness.scenario.plan import Window
from harness.store import EdgeAttempt
from harness.store.capture import rows

TOKEN = "benchtwo"
WAITS_NS = (50_000_000, 150_000_000, 300_000_000)
CLIENTS = 6
ROUNDS = 60
RATIO_MAX = 2.0
SERVER = Path(__file__).parent / "rig" / "bare_server.py"


@asynccontextmanager
async def targets(folder: Path, binary: Path) -> AsyncIterator[dict[str, str]]:
    """Run the two things to call; yield their base addresses."""
    window = Window(
        fault_id="fault-1",
        provider="openai",
        start_ns=0,
        end_ns=10**15,
        inject=Inject(status=429),
        share=1.0,
        text="429",
    )
    start = EdgeStart(
        providers={"openai": Provider(dialect="openai", model="gpt-4")},
        token=TOKEN,
        seed=1,
        windows=(window,),
        capture=str(folder),
    )
    bare_start = BareStart(status=429, capture=str(folder))
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        bare = await enter(OwnedProcess("bare", [sys.executable, str(SERVER)], log=folder / "bare.log", part=True))
        edge = await enter(
            OwnedProcess("edge", [sys.executable, "-m", "harness.edge"], log=folder / "edge.log", part=True)
        )
        proxies = await enter(Toxiproxy.start(binary, log=folder / "toxiproxy.log"))
        port = (await edge.ready(start, EdgeReady)).ports["openai"]
        await edge.send(Begin(origin_ns=time.monotonic_ns()))
        address = await proxies.add("openai", upstream=f"127.0.0.1:{port}")
        yield {"bare": (await bare.ready(bare_start, BareReady)).base_url, "edge": f"http://{address}/v1"}


async def client(session: aiohttp.ClientSession, base_urls: dict[str, str], place: int) -> None:
    """Make pairs of failing attempts, a known wait apart, at each target in turn."""
    for number in range(ROUNDS):
        for base_url in base_urls.values():
            request_id = f"req-{place * ROUNDS + number:06d}"
            content = f"hello {Marker(request_id, TOKEN)}"
            body = {"model": "gpt-4", "messages": [{"role": "user", "content": content}]}
            await attempt(session, base_url, body)
            await asyncio.sleep(WAITS_NS[(place + number) % len(WAITS_NS)] / 1e9)
            await attempt(session, base_url, body)


async def attempt(session: aiohttp.ClientSession, base_url: str, body: dict[str, Any]) -> None:
    """Make one attempt, which is to fail."""
    async with session.post(f"{base_url}/chat/completions", json=body) as answer:
        await answer.read()
        assert answer.status == 429, f"expected a 429, got {answer.status}"


def errors_ms(path: Path) -> list[float]:
    """Return how far each recorded gap is off the wait that made it, in milliseconds."""
    pairs: defaultdict[str, list[AttemptRecord]] = defaultdict(list)
    for row in rows(path):
        if isinstance(row, EdgeAttempt) and row.request_id is not None:
            pairs[row.request_id].append(row.attempt)
    found = []
    for request_id, attempts in pairs.items():
        first, second = sorted(attempts, key=lambda record: record.start_ns)
        place, number = divmod(int(request_id.removeprefix("req-")), ROUNDS)
        wait_ns = WAITS_NS[(place + number) % len(WAITS_NS)]
        found.append(abs(second.start_ns - (first.end_ns or 0) - wait_ns) / 1e6)
    assert len(found) == CLIENTS * ROUNDS, f"{len(found)} pairs were recorded"
    return found


async def run(binary: Path) -> tuple[list[float], list[float]]:
    """Return the errors through Toxiproxy and the edge, and the bare ones, in milliseconds."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        async with targets(folder, binary) as base_urls, aiohttp.ClientSession() as session:
            await asyncio.gather(*(client(session, base_urls, place) for place in range(CLIENTS)))
        return errors_ms(folder / "edge.jsonl"), errors_ms(folder / "bare.jsonl")


def measure() -> list[Row]:
    """Return both errors and their ratios."""
    through, bare = asyncio.run(run(provision().path))
    found = []
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ours, theirs = quantile(through, share), quantile(bare, share)
        found += [
            Row(what=f"retry gap error through Toxiproxy and the edge, {name}", measured=ours, unit="ms"),
            Row(what=f"retry gap error against a bare server, {name}", measured=theirs, unit="ms"),
            limited(f"the one over the other, {name}", ours / theirs, "", RATIO_MAX),
        ]
    return found


if __name__ == "__main__":
    tell("retry_gap", measure)
