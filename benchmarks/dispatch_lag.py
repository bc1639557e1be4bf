"""How late the load sends its requests.

300 planned chats per second against a chain that answers at once, then 1,000 requests per second of all kinds, and the CPU that the
load process takes for them; the best of three passes, because a busy neighbour on the machine must not decide.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from typing import Any

from rig.bare_server import BareReady, BareStart
from rig.result import Row, limited, quantile, tell

from harness.draw import draw
from harness.history.records import HealthRecord, RequestRecord
from harness.live.processes import OwnedProcess
from harness.messages import Begin, LoadDone, LoadReady, LoadStart, WarmupCall
from harness.scenario.mix import MixPart
from harness.scenario.plan import Arrival
from harness.scenario.schema import Load
from harness.store.capture import rows

RATE = 300
MIXED_RATE = 1000
MIX = tuple(
    MixPart(share=share, kind=kind, streaming=streaming)
    for share, kind, streaming in (
        (0.4, "chat", 0.3),
        (0.2, "tools", 0.3),
        (0.2, "embeddings", None),
        (0.1, "responses", 0.3),
        (0.1, "messages", 0.3),
    )
)
SECONDS = 8
PASSES = 3
LAG_MS_MAX = 5.0
CORES_MAX = 0.5
SERVER = Path(__file__).parent / "rig" / "bare_server.py"


def load_start(base_url: str, load: Load, seconds: int, **more: Any) -> LoadStart:
    """Return the start message of a load at a constant rate."""
    rate, parts = round(load.peak_rate), load.parts
    arrivals = tuple(
        Arrival(
            request_id=f"req-{place + 1:06d}",
            scheduled_ns=place * 10**9 // rate,
            phase="steady",
            streaming=draw(1, "streaming", place) < (parts[part].streaming or 0.0),
            part=part,
        )
        for place in range(rate * seconds)
        for part in (_part(load, draw(1, "kind", place)),)
    )
    warmup = (WarmupCall(request_id="warmup-000001", model="gpt-4"),)
    return LoadStart(
        token="benchone", base_url=base_url, model="gpt-4", arrivals=arrivals, load=load, warmup=warmup, **more
    )


async def one_pass(folder: Path, base_url: str, load: Load) -> tuple[list[float], float]:
    """Return the dispatch lag of each request in milliseconds, and the share of a core that the load took."""
    start = load_start(base_url, load, SECONDS, capture=str(folder))
    argv = [sys.executable, "-m", "harness.live.locustfile"]
    async with OwnedProcess("load", argv, log=folder / "load.log", part=True) as process:
        await process.ready(start, LoadReady)
        origin_ns = await begin(process)
        done = await process.receive(LoadDone)
    assert done.ok == len(start.arrivals), f"not every request was answered: {done}"
    return measured(folder / "load.jsonl", origin_ns)


async def begin(process: OwnedProcess) -> int:
    """Let a load's clock begin soon; return when."""
    origin_ns = time.monotonic_ns() + 500_000_000
    await process.send(Begin(origin_ns=origin_ns))
    return origin_ns


def measured(path: Path, origin_ns: int) -> tuple[list[float], float]:
    """Return the dispatch lag of each request in a file of rows, in milliseconds, and the share of a core that its process took."""
    captured = list(rows(path))
    requests = [row for row in captured if isinstance(row, RequestRecord) and row.phase == "steady"]
    health = [row for row in captured if isinstance(row, HealthRecord) and row.at_ns >= origin_ns]
    cores = (health[-1].cpu_ns - health[0].cpu_ns) / (health[-1].at_ns - health[0].at_ns)
    return [((row.start_ns or 0) - row.scheduled_ns) / 1e6 for row in requests], cores


def _part(load: Load, drawn: float) -> int:
    shares = list(accumulate(part.share for part in load.parts))
    return next((place for place, until in enumerate(shares) if drawn < until), len(shares) - 1)


async def passes(load: Load) -> list[tuple[list[float], float]]:
    """Return what each pass measured."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        argv = [sys.executable, str(SERVER)]
        async with OwnedProcess("bare", argv, log=folder / "bare.log", part=True) as server:
            base_url = (await server.ready(BareStart(status=200), BareReady)).base_url
            found = []
            for place in range(PASSES):
                (folder / str(place)).mkdir()
                found.append(await one_pass(folder / str(place), base_url, load))
            return found


def measure() -> list[Row]:
    """Return the best pass of each load."""
    lags, cores = _best(Load(rate=RATE))
    mixed, mixed_cores = _best(Load(rate=MIXED_RATE, mix=MIX))
    return [
        Row(what=f"dispatch lag at {RATE} arrivals/s, p50", measured=quantile(lags, 0.5), unit="ms"),
        limited(f"dispatch lag at {RATE} arrivals/s, p99", quantile(lags, 0.99), "ms", LAG_MS_MAX),
        Row(what=f"dispatch lag at {RATE} arrivals/s, worst", measured=max(lags), unit="ms"),
        limited("CPU of the load process", cores, "cores", CORES_MAX),
        limited(f"dispatch lag at {MIXED_RATE} mixed arrivals/s, p99", quantile(mixed, 0.99), "ms", LAG_MS_MAX),
        Row(what="CPU of the load process, mixed", measured=mixed_cores, unit="cores"),
    ]


def _best(load: Load) -> tuple[list[float], float]:
    return min(asyncio.run(passes(load)), key=lambda found: quantile(found[0], 0.99))


if __name__ == "__main__":
    tell("dispatch_lag", measure)
