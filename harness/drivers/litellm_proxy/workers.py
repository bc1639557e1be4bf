"""Own one worker process: start it, wait until it is ready, notice its death, end it."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import Any, NoReturn

from harness.errors import ExitCode, HarnessError, UsageError
from harness.store import encode

END_S = 2.0
"""How long a worker may take to end by itself; whoever ends us waits for longer than that."""
_LINE_MAX = 2**20


class Worker:
    """A worker of the proxy, a part (see harness/part.py); its standard error is ours.

    Args:
        number: From 1.
        listener: The descriptor of the socket that all workers share.
    """

    def __init__(self, number: int, listener: int) -> None:
        self.number = number
        self._listener = listener
        self._process: Process | None = None
        self._chatter: asyncio.Task[None] | None = None

    async def start(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Start it with its start message, and return its ready message.

        Raises:
            UsageError: It does not take the chain, and has said why on standard error.
            HarnessError: It ended before it was ready.
        """
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "harness.drivers.litellm_proxy.worker", str(self.number)),
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=[self._listener],
            limit=_LINE_MAX,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode(message) + b"\n")
        while line := await process.stdout.readline():
            ready = _ready(line)
            if ready is not None:
                self._chatter = asyncio.create_task(_pass_on(process.stdout))
                return ready
            sys.stderr.write(line.decode("utf-8", "replace"))
        return await self.died()

    async def died(self) -> NoReturn:
        """Wait until it ends, which nobody has asked for.

        Raises:
            UsageError: As told by its exit code.
            HarnessError: It has ended.
        """
        assert self._process is not None
        code = await self._process.wait()
        kind = UsageError if code == ExitCode.USAGE else HarnessError
        raise kind(f"worker {self.number} ended before its time (exit code {code})", where="chain")

    async def end(self) -> None:
        """End it: its standard input ends, and it with it; if not, it is killed.

        Raises:
            HarnessError: It had to be killed, or ended badly.
        """
        if self._process is None or self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            code = await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            self._process.kill()
            code = await self._process.wait()
        if self._chatter is None:
            return  # it never got ready; that has been told
        await self._chatter
        if code != 0:
            raise HarnessError(f"worker {self.number} ended badly (exit code {code})", where="chain")


async def _pass_on(stdout: asyncio.StreamReader) -> None:
    """Keep its standard output empty: libraries write there too."""
    while line := await stdout.readline():
        sys.stderr.write(line.decode("utf-8", "replace"))


def _ready(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    ready = message.get("ready") if isinstance(message, dict) else None
    return ready if isinstance(ready, dict) else None
