"""What the child processes of a live run have in common.

A part reads one JSON line from its standard input, its start message; gets ready; writes one JSON line to its
standard output; and goes on until its standard input ends, be it that the runner closes it or that the runner dies.
Lines between are messages (`{"origin_ns": N}`). Logs go to standard error.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import HarnessError
from harness.history.records import HealthRecord
from harness.store import Capture

HEALTH_S = 0.1
_LINE_MAX = 64 * 2**20

Serve = Callable[["ChildProcess"], AbstractAsyncContextManager[dict[str, Any]]]
"""Enter to get ready and give the ready message; leave to end."""


class ChildProcess:
    """A part's side of its tie to the runner.

    Attributes:
        process: Its name in health records, capture and logs: `edge`, `chain`, `load`.
        config: The start message. `capture`: the folder for its rows, absent where nothing is recorded.
        capture: Where its rows go; None where nothing is recorded.
        on_message: Called with every later message.
    """

    def __init__(self, process: str, config: dict[str, Any]) -> None:
        self.process = process
        self.config = config
        folder = config.get("capture")
        self.capture = Capture(Path(folder), process) if folder else None
        self.on_message: Callable[[dict[str, Any]], Awaitable[None] | None] = lambda _message: None


def main(
    process: str, serve: Serve, *, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None
) -> NoReturn:
    """Run one part to its end and exit: the body of a child's `__main__`. What the user can solve is said in one line.

    When the part has let go everything is written, so the interpreter does not take itself apart: the threads and
    finalizers of a library may hold that up for seconds, and the runner would take the part for one that hangs.

    Args:
        process: Its name.
        serve: What it does.
        loop_factory: Makes its event loop; Python's own if None.
    """
    gc.set_threshold(50_000, 20, 20)  # a full collection in mid-run would be a stall of our own making
    code = 0
    try:
        asyncio.Runner(loop_factory=loop_factory).run(_run(process, serve))
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        code = int(error.exit_code)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def become(run: Callable[[], int], streams: Sequence[int]) -> NoReturn:
    """Be a part in a process that was forked a moment ago: nothing goes on into the code of the one that forked.

    Args:
        run: The part; returns its exit code.
        streams: What becomes its standard input, output and, where there is a third, error.
    """
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        code = run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # as in `main`


async def _run(process: str, serve: Serve) -> None:
    reader = await _stdin()
    line = await reader.readline()
    if not line:
        return
    part = ChildProcess(process, json.loads(line))
    try:
        async with serve(part) as ready, _health(part):
            sys.stdout.write(json.dumps({"ready": ready}) + "\n")
            sys.stdout.flush()
            while line := await reader.readline():
                reply = part.on_message(json.loads(line))
                if reply is not None:
                    await reply
    finally:
        if part.capture is not None:
            part.capture.close()


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LINE_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


@asynccontextmanager
async def _health(part: ChildProcess) -> AsyncIterator[None]:
    """Record every 100 ms how late this event loop wakes up, and the CPU time used."""
    task = asyncio.create_task(watch_loop(part.capture, part.process)) if part.capture is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def watch_loop(capture: Capture, process: str) -> None:
    """Write a health record every 100 ms, until cancelled. The lag is the worst of ten short sleeps, each measured."""
    ticks = 10
    step = HEALTH_S / ticks
    while True:
        worst = 0
        for _ in range(ticks):
            before = time.monotonic_ns()
            await asyncio.sleep(step)
            worst = max(worst, time.monotonic_ns() - before - int(step * 1e9))
        capture.put(health(process, worst))


def health(process: str, lag_ns: int) -> HealthRecord:
    """Return a health record of this process, now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = int((usage.ru_utime + usage.ru_stime) * 1e9)
    return HealthRecord(process=process, at_ns=time.monotonic_ns(), loop_lag_ns=max(0, lag_ns), cpu_ns=cpu_ns)
