"""How late two workers send their requests, and what they cost.

600 planned chats per second against a chain that answers at once, by one process and by a master with two workers in turns: how late
each request goes out, and the CPU that all load processes take together; the best of three passes, as for `dispatch_lag`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
from dispatch_lag import LAG_MS_MAX, PASSES, SECONDS, SERVER, begin, load_start, measured
from rig.bare_server import BareReady, BareStart
from rig.result import Row, limited, quantile, tell

from harness.live.processes import OwnedProcess
from harness.live.workers import ALONE, LOAD_PART, LoadSetup, gather
from harness.messages import LoadDone, LoadReady
from harness.scenario.schema import Load

RATE = 600
COST_MAX = 1.3


async def one_pass(folder: Path, base_url: str, setup: LoadSetup) -> tuple[list[float], float]:
    """Return the dispatch lag of each request in milliseconds, and the CPU time of all load processes, in seconds."""
    async with AsyncExitStack() as parts:

        async def part(name: str) -> OwnedProcess:
            process = OwnedProcess(name, LOAD_PART, log=folder / f"{name}.log", part=True)
            return await parts.enter_async_context(process)

        load = await part("load")
        workers = {name: await part(name) for name in setup.names}
        if setup.spread:
            await gather(setup, load, workers, capture=folder, say=print)
        start = load_start(base_url, Load(rate=RATE), SECONDS, capture=str(folder))
        await load.ready(start, LoadReady)
        origin_ns, before_s = await begin(load), _cpu_s(load, *workers.values())
        done = await load.receive(LoadDone)
        spent_s = _cpu_s(load, *workers.values()) - before_s
    assert done.ok == len(start.arrivals), f"not every request was answered: {done}"
    files = [folder / f"{name}.jsonl" for name in setup.names or ("load",)]
    return [lag for file in files for lag in measured(file, origin_ns)[0]], spent_s


def _cpu_s(*processes: OwnedProcess) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


async def passes() -> tuple[list[tuple[list[float], float]], list[tuple[list[float], float]]]:
    """Return what each pass of one process and of two workers measured, made in turns."""
    alone, shared = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        argv = [sys.executable, str(SERVER)]
        async with OwnedProcess("bare", argv, log=folder / "bare.log", part=True) as server:
            base_url = (await server.ready(BareStart(status=200), BareReady)).base_url
            for place in range(PASSES):
                for found, setup in ((alone, ALONE), (shared, LoadSetup(workers=2))):
                    own = folder / f"{setup.workers}-{place}"
                    own.mkdir()
                    found.append(await one_pass(own, base_url, setup))
    return alone, shared


def measure() -> list[Row]:
    """Return the best pass of two workers, and their cost against one process."""
    alone, shared = asyncio.run(passes())
    lags, one = (
        min((lags for lags, _cpu in found), key=lambda lags: quantile(lags, 0.99)) for found in (shared, alone)
    )
    cpu_s, cpu_alone_s = (min(cpu for _lags, cpu in found) for found in (shared, alone))
    each_us = 1e6 / (RATE * SECONDS)
    return [
        limited(f"dispatch lag of two workers at 2 × {RATE // 2}/s, p99", quantile(lags, 0.99), "ms", LAG_MS_MAX),
        Row(what=f"dispatch lag of one process at {RATE}/s, p99", measured=quantile(one, 0.99), unit="ms"),
        limited("CPU of master and workers / of one process", cpu_s / cpu_alone_s, "", COST_MAX),
        Row(what="CPU of a request, master and workers", measured=cpu_s * each_us, unit="µs"),
        Row(what="CPU of a request, one process", measured=cpu_alone_s * each_us, unit="µs"),
    ]


if __name__ == "__main__":
    tell("load_workers", measure)
