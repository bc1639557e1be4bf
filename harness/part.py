"""A child process of ours, from its start message to its end. The messages are in harness/messages.py.

It reads its start message from its standard input; gets ready; writes a message to its standard output; and goes on until
its standard input ends, because the runner closes it or because the runner dies. Logs go to standard error.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

from harness.errors import HarnessError
from harness.history.records import HealthRecord
from harness.lines import LINE_BYTES_MAX, read, write
from harness.messages import Begin, Ready, StartMessage
from harness.store import Capture

HEALTH_S = 0.1
"""How often a process writes a health record."""
TICKS = 10
TICK_S = HEALTH_S / TICKS
"""How long it sleeps at a time, to measure how late it wakes up."""

S = TypeVar("S", bound=StartMessage)

_OUT: list[int] = []
"""The descriptor of the standard output that the runner reads, once it is ours alone."""

Serve = Callable[["ChildProcess[S]"], AbstractAsyncContextManager[object]]
"""Enter to get ready and give the ready message; leave to end."""


class ChildProcess(Generic[S]):
    """This process, as a child of the runner.

    Attributes:
        process: Its name in health records, capture and logs: `edge`, `chain`, `load`.
        start: The start message.
        capture: Where its rows go; None where nothing is recorded.
        on_begin: Called when the runner names the run's origin.
    """

    def __init__(self, process: str, start: S) -> None:
        self.process = process
        self.start = start
        self.capture = Capture(Path(start.capture), process, start.restarts) if start.capture else None
        self.on_begin: Callable[[Begin], None] = lambda _begin: None


def main(
    process: str,
    shape: type[S],
    serve: Serve[S],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> NoReturn:
    """Run a child process to its end and exit: the body of its `__main__`. An error of the user's is one line.

    When `serve` has ended everything is written, so the interpreter does not take itself apart: the threads and
    finalizers of a library may hold that up for seconds, and the runner would take the process for one that hangs.

    Args:
        process: Its name.
        shape: Its start message.
        serve: What it does.
        loop_factory: Makes its event loop; Python's own if None.
    """
    claim_stdout()
    gc.set_threshold(50_000, 20, 20)  # a full collection in mid-run would be a stall of our own making
    code = 0
    try:
        asyncio.Runner(loop_factory=loop_factory).run(_run(process, shape, serve))
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        code = int(error.exit_code)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def answer(work: Mapping[type[Any], Callable[[Any], object]]) -> int:
    """Be a child process without an event loop: answer every message with one, until standard input ends.

    Args:
        work: By the messages that may come, what returns the answer, as a message or as its line.
    """
    claim_stdout()
    say(Ready())
    for line in sys.stdin.buffer:
        asked = read(line, *work)
        say(work[type(asked)](asked))
    return 0


def claim_stdout() -> None:
    """Keep standard output for messages: what a library prints from now on goes to standard error."""
    if sys.stdout is None or _OUT:
        return
    sys.stdout.flush()
    number = sys.stdout.fileno()
    _OUT.append(os.dup(number))
    os.dup2(sys.stderr.fileno(), number)


def say(message: object) -> None:
    """Send the runner a message. If the runner is gone, so is standard input, and its end is the signal to stop."""
    if sys.stdout is None:
        return
    line = message if isinstance(message, bytes) else write(message)
    try:
        sys.stdout.flush()  # what a library has printed ends before a line of ours
        while line:
            line = line[os.write(_OUT[0] if _OUT else sys.stdout.fileno(), line) :]
    except BrokenPipeError:
        pass


def become(run: Callable[[], int], streams: Sequence[int]) -> NoReturn:
    """Be a part in a process that was forked a moment ago: nothing goes on into the code of the one that forked.

    Args:
        run: The part; returns its exit code.
        streams: What becomes its standard input, output and, where there is a third, error.
    """
    code = 1
    _OUT.clear()  # it is that of the process that forked
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


async def _run(process: str, shape: type[S], serve: Serve[S]) -> None:
    reader = await _stdin()
    line = await reader.readline()
    if not line:
        return
    child = ChildProcess(process, read(line, shape))
    try:
        async with serve(child) as ready, _health(child.capture, process):
            say(ready)
            while line := await reader.readline():
                child.on_begin(read(line, Begin))
    finally:
        if child.capture is not None:
            child.capture.close()


async def _stdin() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


@asynccontextmanager
async def _health(capture: Capture | None, process: str) -> AsyncIterator[None]:
    """Record every 100 ms how late this event loop wakes up, and the CPU time used."""
    task = asyncio.create_task(watch_loop(capture, process)) if capture is not None else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def watch_loop(capture: Capture, process: str) -> None:
    """Write a health record every 100 ms, until cancelled."""
    watch = LoopWatch(capture, process)
    while True:
        began_ns = time.monotonic_ns()
        await asyncio.sleep(TICK_S)
        watch.woke(began_ns)


class LoopWatch:
    """Measures how late an event loop wakes up: the lag of a health record is the worst of its short sleeps.

    Args:
        capture: Takes the records.
        process: Its name in them.
    """

    def __init__(self, capture: Capture, process: str) -> None:
        self._capture = capture
        self._process = process
        self._ticks = 0
        self._worst_ns = 0

    def woke(self, began_ns: int) -> None:
        """Take note of a sleep of `TICK_S` that began at a time and ends now."""
        self._worst_ns = max(self._worst_ns, time.monotonic_ns() - began_ns - int(TICK_S * 1e9))
        self._ticks += 1
        if self._ticks == TICKS:
            self._capture.put(health(self._process, self._worst_ns, self._capture))
            self._ticks = self._worst_ns = 0


def health(process: str, lag_ns: int, capture: Capture) -> HealthRecord:
    """Return a health record of this process, which writes to a capture, now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_ns = int((usage.ru_utime + usage.ru_stime) * 1e9)
    return HealthRecord(
        process=process,
        at_ns=time.monotonic_ns(),
        loop_lag_ns=max(0, lag_ns),
        cpu_ns=cpu_ns,
        resident_bytes=_resident_bytes(),
        **capture.backlog._asdict(),
    )


def _resident_bytes() -> int | None:
    """Return the memory of this process that is not swapped out; None where the system does not say (it has no /proc)."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - ten times a second: a Path costs more
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return None
