"""Processes that have done their imports, and fork one part for each run: imports are most of what a run's start costs.

A nursery is a part itself (`python -m harness.live.nursery_part MODULE`), without threads and without an event loop, so
that a fork of it is sound. It receives the three standard streams of each part over a Unix socket, and reports when a part
ends. A forked part is the same program as a started one; it only skips the imports.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from harness.errors import HarnessError
from harness.lines import LINE_BYTES_MAX, read
from harness.live.environment import child_environment
from harness.live.nursery_messages import Born, Ended, NurseryStart
from harness.live.processes import Fork, OwnedProcess
from harness.messages import Ready

FORK_S = 30.0
"""How long a fork may take on a machine that is busy."""
START_S = 120.0
"""How long the imports may take."""


@asynccontextmanager
async def nurseries(
    modules: Mapping[str, Collection[str]], logs: Path, say: Callable[[str], None]
) -> AsyncIterator[Callable[[], dict[str, Fork]]]:
    """Start a nursery for each kind of part that can be forked; gives a function that returns those that are alive.

    Without one, parts are started as usual: more slowly, with the same result.

    Args:
        modules: The parts' programs, as after `python -m`, and the names of the variables that each needs, as for
            `child_environment`. Each program may be forked: gevent, in the load, does not fork well.
        logs: Folder for their output.
        say: Takes warnings.
    """
    started: dict[str, Nursery] = {}
    async with AsyncExitStack() as stack:
        for module, variables in sorted(modules.items()) if sys.platform == "linux" else ():
            log = logs / f"nursery-{module.rpartition('.')[2]}.log"
            try:
                started[module] = await stack.enter_async_context(Nursery.start(module, variables, log=log))
            except HarnessError as error:
                say(f"warning: runs will start slowly: {error}")
        yield lambda: {module: nursery.fork for module, nursery in started.items() if nursery.alive}


class Forked:
    """A forked part, with the interface of `asyncio.subprocess.Process`.

    Attributes:
        pid: Its id, and that of its process group.
        stdin: Its standard input.
        stdout: Its standard output.
    """

    def __init__(self, pid: int, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdin: asyncio.StreamWriter | None = stdin
        self.stdout: asyncio.StreamReader | None = stdout
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        """Return its exit code once it has ended; that of a signal is negative."""
        return await asyncio.shield(self.ended)


class Nursery:
    """Forks parts of one kind. Make one with `async with Nursery.start(…)`."""

    def __init__(self, tie: socket.socket) -> None:
        self._tie = tie
        self._rest = b""
        self._parts: dict[int, Forked] = {}
        self._early: dict[int, int] = {}
        self._births: list[asyncio.Future[int]] = []
        self._gone = False

    @classmethod
    @asynccontextmanager
    async def start(cls, module: str, variables: Collection[str] = (), *, log: Path) -> AsyncIterator[Nursery]:
        """Start a nursery; leaving ends it, but not the parts that it made.

        Args:
            module: The part's program, as after `python -m`.
            variables: Names of the variables that it needs, as for `child_environment`.
            log: Its output is appended here.

        Raises:
            HarnessError: It does not start, or would not be safe to fork.
        """
        with tempfile.TemporaryDirectory(prefix="harness-") as folder:
            path = str(Path(folder) / "tie")
            argv = [sys.executable, "-m", "harness.live.nursery_part", module]
            child = OwnedProcess("nursery", argv, log=log, env=child_environment(variables), part=True)
            async with AsyncExitStack() as stack:
                await child.__aenter__()
                stack.push_async_callback(child.end)  # how it ends does not matter any more
                await child.ready(NurseryStart(socket=path), Ready, timeout_s=START_S)
                with socket.socket(socket.AF_UNIX) as tie:
                    tie.connect(path)
                    tie.settimeout(0)
                    self = cls(tie)
                    loop = asyncio.get_running_loop()
                    loop.add_reader(tie, self._read)
                    try:
                        yield self
                    finally:
                        loop.remove_reader(tie)
                        self._lose()

    @property
    def alive(self) -> bool:
        """It can still be asked."""
        return not self._gone

    async def fork(self, log: int) -> Forked:
        """Return a new part.

        Args:
            log: File descriptor of its standard error.

        Raises:
            HarnessError: The nursery is gone.
        """
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        try:
            pid = await asyncio.wait_for(self._birth([theirs_in, theirs_out, log]), FORK_S)
        except BaseException as error:
            os.close(ours_in)  # a part that is born all the same ends by this
            os.close(ours_out)
            if isinstance(error, OSError):  # TimeoutError too
                raise HarnessError(f"made no part: {error or 'no answer'}", where="nursery") from None
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        part = Forked(pid, await _writer(ours_in), await _reader(ours_out))
        self._parts[pid] = part
        if pid in self._early or self._gone:
            part.ended.set_result(self._early.pop(pid, -signal.SIGKILL))
        return part

    async def _birth(self, streams: list[int]) -> int:
        if self._gone:
            raise OSError("it is gone")
        birth: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._births.append(birth)
        socket.send_fds(self._tie, [b"f"], streams)
        return await birth

    def _read(self) -> None:
        try:
            data = self._tie.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._tie)
            self._lose()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(read(line, Born, Ended))

    def _take(self, message: Born | Ended) -> None:
        if isinstance(message, Born):
            birth = self._births.pop(0)
            if not birth.done():
                birth.set_result(message.pid)
        elif part := self._parts.pop(message.pid, None):
            part.ended.set_result(message.code)
        else:
            self._early[message.pid] = message.code

    def _lose(self) -> None:
        """Take every part for killed, since no message will report how it ends; its owner then kills it."""
        self._gone = True
        for birth in self._births:
            if not birth.done():
                birth.set_exception(OSError("it is gone"))
        for part in self._parts.values():
            part.ended.set_result(-signal.SIGKILL)
        self._parts.clear()


async def _writer(number: int) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(number, "wb"))
    return asyncio.StreamWriter(transport, protocol, None, loop)


async def _reader(number: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(number, "rb"))
    return reader
