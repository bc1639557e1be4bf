"""Toxiproxy keeps no health records: how long its API is silent shows when it stalled."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress

from harness.history.records import HealthRecord
from harness.part import HEALTH_S

PROCESS = "toxiproxy"
TIMEOUT_S = 5.0
"""How long one answer is waited for. A silence that goes on is written down in pieces of this length."""
SLICE_NS = 50_000_000
_USUAL_OF = 50
_REQUEST = b"GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def watch_api(port: Callable[[], int], put: Callable[[HealthRecord], None]) -> None:
    """Call the API every 100 ms until cancelled, and write a health record each time.

    Its `loop_lag_ns` is how long the API was silent beyond the usual, which is the median of the last answers; its
    `cpu_ns` is 0.

    Args:
        port: Gives the API's port, which changes when the server is replaced.
        put: Takes the records.
    """
    usual_ns = deque([0], maxlen=_USUAL_OF)
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):  # it has ended, or is being replaced
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port()), TIMEOUT_S)
            with closing(writer):
                answered = True
                while answered:
                    silent_ns, answered = await silence(_ask(reader, writer))
                    lag_ns = max(0, silent_ns - int(statistics.median(usual_ns)))
                    put(HealthRecord(process=PROCESS, at_ns=time.monotonic_ns(), loop_lag_ns=lag_ns, cpu_ns=0))
                    if answered:
                        usual_ns.append(silent_ns)
                        await asyncio.sleep(HEALTH_S)
        await asyncio.sleep(HEALTH_S)


async def silence(answer: Awaitable[object], clock_ns: Callable[[], int] = time.monotonic_ns) -> tuple[int, bool]:
    """Return how long an answer took, in nanoseconds, and whether it came within `TIMEOUT_S`.

    Time in which this process itself did not run is not the other's silence: each slice of the wait counts as at most
    `SLICE_NS`.
    """
    task = asyncio.ensure_future(answer)
    silent_ns = 0
    try:
        while not task.done() and silent_ns < TIMEOUT_S * 1e9:
            began_ns = clock_ns()
            await asyncio.wait([task], timeout=SLICE_NS / 1e9)
            silent_ns += min(clock_ns() - began_ns, SLICE_NS)
        if task.done():
            task.result()
        return silent_ns, task.done()
    finally:
        task.cancel()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Make one call and read its answer."""
    writer.write(_REQUEST)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length))
