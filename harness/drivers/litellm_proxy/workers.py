"""Own the worker processes: fork them, notice when one is ready or has died, end them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from harness import part
from harness.errors import ExitCode, HarnessError, UsageError
from harness.lines import is_message, read, write
from harness.messages import WorkerReady, WorkerStart

END_S = 2.0
"""How long a worker may take to end by itself; our own owner waits longer than that."""
_LINE_MAX = 2**20


class Worker:
    """A forked worker, a part (see harness/part.py): its standard input and output are pipes to us.

    Attributes:
        number: From 1.
        pid: Its process.
        pipes: Our ends: of its standard input, of its standard output.
    """

    def __init__(self, number: int, pid: int, pipes: tuple[int, int]) -> None:
        self.number = number
        self.pid = pid
        self.pipes = pipes
        self._ready: asyncio.Future[WorkerReady] | None = None
        self._exit: asyncio.Task[int] | None = None

    async def start(self, message: WorkerStart) -> WorkerReady:
        """Send it its start message, and return its ready message.

        Raises:
            UsageError: It refuses the chain; the reason is on its standard error.
            HarnessError: It ended before it was ready.
        """
        self._ready = asyncio.get_running_loop().create_future()
        self._exit = asyncio.create_task(self._read(self._ready))
        with contextlib.suppress(BrokenPipeError):  # it has ended: its standard output shows that
            await asyncio.to_thread(_write, self.pipes[0], write(message))
        either: list[asyncio.Future[Any]] = [self._ready, self._exit]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return self._ready.result() if self._ready.done() else await self.died()

    async def died(self) -> NoReturn:
        """Wait until it ends although it should not.

        Raises:
            UsageError: It has ended with the exit code for one.
            HarnessError: It has ended.
        """
        assert self._exit is not None
        code = await asyncio.shield(self._exit)
        kind = UsageError if code == ExitCode.USAGE else HarnessError
        raise kind(f"worker {self.number} ended before its time (exit code {code})", where="chain")

    async def end(self) -> None:
        """End it: its standard input ends, and it with it; if not, it is killed.

        Raises:
            HarnessError: It ended badly, although it had been ready.
        """
        os.close(self.pipes[0])
        if self._exit is None or self._exit.done():
            return
        await asyncio.wait([self._exit], timeout=END_S)
        if not self._exit.done():
            os.kill(self.pid, signal.SIGKILL)
        code = await self._exit
        if code != 0 and self._ready is not None and self._ready.done():
            raise HarnessError(f"worker {self.number} ended badly (exit code {code})", where="chain")

    async def _read(self, ready: asyncio.Future[WorkerReady]) -> int:
        """Read its standard output, where libraries write too, to the end; reap it and return its exit code."""
        reader = asyncio.StreamReader(limit=_LINE_MAX)
        with os.fdopen(self.pipes[1], "rb") as pipe:
            transport, _protocol = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
            while line := await reader.readline():
                if is_message(line) and not ready.done():
                    ready.set_result(read(line, WorkerReady))
                else:
                    sys.stderr.write(line.decode("utf-8", "replace"))
            transport.close()
        _pid, status = os.waitpid(self.pid, 0)  # noqa: ASYNC222 - its exit has closed the pipe: nothing is left to wait for
        return os.waitstatus_to_exitcode(status)


def fork(count: int, run: Callable[[int], int]) -> list[Worker]:
    """Fork workers; call it where no thread and no event loop runs.

    Args:
        count: How many.
        run: What each of them does, given its number; returns its exit code.
    """
    workers: list[Worker] = []
    for number in range(1, count + 1):
        stdin, stdout = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            # Those of other workers too: an input ends only when no process is left that could write to it.
            for descriptor in (stdin[1], stdout[0], *(end for worker in workers for end in worker.pipes)):
                os.close(descriptor)
            part.become(partial(run, number), (stdin[0], stdout[1]))
        os.close(stdin[0])
        os.close(stdout[1])
        workers.append(Worker(number, pid, (stdin[1], stdout[0])))
    return workers


def _write(descriptor: int, raw: bytes) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as pipe:
        pipe.write(raw)
