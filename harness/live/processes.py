"""Own a child process: start it, exchange messages, notice its death, end it and all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol, Self, TypeVar, overload

from harness.errors import HarnessError
from harness.lines import LINE_BYTES_MAX, is_message, read, write
from harness.live.environment import child_environment, without_proxies
from harness.live.worker_messages import GaveUp, Notice
from harness.waiting import poll, to_the_end

READY_S = 60.0
GRACE_S = 5.0
_TERMINATE_S = 2.0
_REAP_S = 5.0
_TAIL_LINES = 20
_TAIL_BYTES = 64 * 2**10
_TETHER = Path(__file__).with_name("tether.py")

NOTICE, GAVE_UP = b'{"Notice":', b'{"GaveUp":'
"""How the lines begin that a part may send at any time."""

M = TypeVar("M")
N = TypeVar("N")


class Running(Protocol):
    """The interface of a process that its owner uses: `asyncio.subprocess.Process` has it, and what a nursery forks."""

    pid: int
    stdin: asyncio.StreamWriter | None
    stdout: asyncio.StreamReader | None

    async def wait(self) -> int:
        """Return the exit code once it has ended; that of a signal is negative."""


Fork = Callable[[int], Awaitable[Running]]
"""Makes a part without starting a program; takes the file descriptor of its standard error."""


class OwnedProcess:
    """A child process in a process group of its own. Use it as `async with OwnedProcess(…) as child:`; leaving ends it.

    One of our parts (see harness/part.py) gets messages on its standard input, sends some on its standard output, and
    ends when its standard input does, so also when the runner is killed. Anything else is a foreign program, which a
    small script ties to the runner's life.

    Args:
        name: Names it in errors: `edge`, `toxiproxy`.
        argv: Program and arguments, without a shell. Never put a secret here: every user can read it.
        log: Its standard error is appended here; a foreign program's standard output too.
        env: Its environment, without settings of proxies; what a child of ours needs if None.
        part: It is one of our parts.
        fork: Makes it, in place of `argv`: one that has done its imports. Parts only.
        grace_s: How long it may take to end by itself before it is made to.
        notice: Takes what a part sends for the user to read.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        part: bool = False,
        fork: Fork | None = None,
        grace_s: float = GRACE_S,
        notice: Callable[[str], object] = lambda _text: None,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = list(argv)
        self._env = without_proxies(child_environment() if env is None else env)
        self._part = part
        self._fork = fork
        self._grace_s = grace_s
        self._notice = notice
        self._why: HarnessError | None = None
        self._ending = False
        self._process: Running
        self._exit: asyncio.Task[int]
        self._reader: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    @property
    def pid(self) -> int:
        """Leader of the process group: the part itself, or the script that holds a foreign program."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        if shutil.which(self._argv[0], path=self._env.get("PATH")) is None:
            raise HarnessError(f"there is no program {self._argv[0]!r}", where=self.name)
        with self.log.open("ab") as log:
            self._process = await (self._start(log) if self._fork is None else self._fork(log.fileno()))
        self._exit = asyncio.create_task(self._watch())
        if self._part:
            self._reader = asyncio.create_task(self._read())
        return self

    async def _start(self, log: IO[bytes]) -> Running:
        tether = [] if self._part else [sys.executable, "-I", "-S", str(_TETHER), str(self._grace_s)]
        process: Any = await asyncio.create_subprocess_exec(
            *tether,
            *self._argv,
            stdin=PIPE,
            stdout=PIPE if self._part else log,
            stderr=log,
            env=self._env,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # a Ctrl-C on the terminal is the runner's to handle
        )
        running: Running = process
        return running

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.end()
        if kind is None and self._part and self._exit.result() != 0:
            raise self._error(f"ended badly ({_how(self._exit.result())}): its last records may be lost")

    async def send(self, message: object) -> None:
        """Send a part one message, one of harness/messages.py.

        Raises:
            HarnessError: It is gone.
        """
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(write(message))
            await asyncio.wait_for(stdin.drain(), READY_S)
        except TimeoutError:
            raise self._error(f"did not read its messages for {READY_S:g} s") from None
        except (ConnectionError, RuntimeError):  # RuntimeError is what asyncio raises for a pipe that was closed before
            await asyncio.shield(self._exit)
            raise self._death() from None

    async def ready(self, start: object | None, shape: type[M], *, timeout_s: float = READY_S) -> M:
        """Send a part its start message, and return its ready message.

        Args:
            start: May hold secrets: only the part receives it. None for a part that needs none.
            shape: Of the ready message.
            timeout_s: How long it may take.

        Raises:
            HarnessError: It is not ready in time, sends another message, or ends.
        """
        if start is not None:
            await self.send(start)
        try:
            return await asyncio.wait_for(self.receive(shape), timeout_s)
        except TimeoutError:
            raise self._error(f"was not ready after {timeout_s:g} s") from None

    @overload
    async def receive(self, shape: type[M], /) -> M: ...
    @overload
    async def receive(self, shape: type[M], other: type[N], /) -> M | N: ...
    async def receive(self, *shapes: type[Any]) -> Any:
        """Return a part's next message.

        Args:
            shapes: The messages that may come now.

        Raises:
            HarnessError: It ended without one, or sent another.
        """
        line = await self._messages.get()
        if line is None:
            self._messages.put_nowait(None)
            raise self._death()
        try:
            return read(line, *shapes)
        except ValueError as error:
            raise self._error(f"sent a message that cannot be used: {error}") from None

    async def until(self, check: Callable[[], Awaitable[bool]], *, timeout_s: float, what: str) -> None:
        """Poll until `check` returns True.

        Args:
            check: Called every 20 ms or so; must be bounded in time.
            timeout_s: How long it may take.
            what: For the error: `accept connections on 127.0.0.1:8787`.

        Raises:
            HarnessError: The child ended first, or the time is over.
        """

        async def over() -> bool:
            return self._exit.done() or await check()

        if not await poll(over, timeout_s=timeout_s):
            raise self._error(f"did not {what} within {timeout_s:g} s")
        if self._exit.done():
            raise self._death()

    async def over(self) -> None:
        """Complete when the child has ended by itself.

        Raises:
            HarnessError: It ended badly.
        """
        if await asyncio.shield(self._exit):
            raise self._death()

    async def died(self) -> HarnessError:
        """Complete when the child ends and `end` was not called; return how it ended, with its last output."""
        await asyncio.shield(self._exit)
        if self._ending:
            await asyncio.get_running_loop().create_future()
        return self._death()

    async def end(self, *, grace_s: float | None = None) -> None:
        """End the child and its whole process group, and reap it; a second call does nothing.

        A part's standard input is closed; a foreign program gets SIGTERM. One that does not end in time is killed.

        Args:
            grace_s: In place of the constructor's; 0 kills at once.

        Raises:
            HarnessError: It cannot be killed.
        """
        self._ending = True
        await to_the_end(self._end(self._grace_s if grace_s is None else grace_s))

    async def kill(self) -> None:
        """Kill the child and its whole process group as a crash would, and reap it.

        Raises:
            HarnessError: It cannot be killed.
        """
        self._ending = True
        self._signal(signal.SIGKILL)
        await asyncio.wait([self._exit], timeout=_REAP_S)
        await self.end()

    async def _end(self, grace_s: float) -> None:
        assert self._process.stdin is not None
        try:
            if self._part:
                self._process.stdin.close()
                await asyncio.wait([self._exit], timeout=grace_s)
                self._signal(signal.SIGTERM)
                await asyncio.wait([self._exit], timeout=min(grace_s, _TERMINATE_S))
            else:
                self._signal(signal.SIGTERM)
                await asyncio.wait([self._exit], timeout=grace_s)
        finally:  # also where the event loop itself is coming down
            self._signal(signal.SIGKILL)
            self._process.stdin.close()
        await asyncio.wait([self._exit], timeout=_REAP_S)
        if not self._exit.done():
            raise self._error("does not end, not even when killed")
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])

    def _signal(self, number: signal.Signals) -> None:
        if not self._exit.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it is just gone
                os.killpg(self._process.pid, number)

    async def _watch(self) -> int:
        code = await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # what it started must not outlive it
        return code

    async def _read(self) -> None:
        """Queue the messages on a part's standard output; anything else there was printed by a library, and goes to the log."""
        assert self._process.stdout is not None
        with self.log.open("ab", buffering=0) as log:
            while line := await self._process.stdout.readline():
                if not is_message(line):
                    log.write(line)
                elif line.startswith(NOTICE):
                    self._notice(read(line, Notice).text)
                elif line.startswith(GAVE_UP):
                    self._why = read(line, GaveUp).error.error()
                else:
                    self._messages.put_nowait(line)
        await asyncio.shield(self._exit)
        self._messages.put_nowait(None)

    def _death(self) -> HarnessError:
        return self._why or self._error(f"ended before its time ({_how(self._exit.result())})")

    def _error(self, problem: str) -> HarnessError:
        lines = self._tail()
        lines = (without_tracebacks(lines) if self._part else lines)[-_TAIL_LINES:]
        last = "\n".join(f"    {line}" for line in lines)
        hint = f"its last output, from {self.log}:\n{last}" if lines else f"its log {self.log} is empty"
        return HarnessError(problem, where=self.name, hint=hint)

    def _tail(self) -> list[str]:
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return log.read().decode("utf-8", "replace").splitlines()


def without_tracebacks(lines: Sequence[str]) -> list[str]:
    """Return a log's last lines with each traceback of our own as one line; the log itself has it whole."""
    found: list[str] = []
    within = False
    for line in lines:
        if line.strip().startswith(("Traceback (most recent call last)", "+ Exception Group Traceback")):
            within = True
        elif not within:
            found.append(line)
        elif line and not line.startswith((" ", "\t")):
            within = False
            found.append(f"unexpected error: {line}")
    return found


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
