"""The process that hosts the chain, which a fault may end and start again in mid-run: ours, or the user's own gateway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from harness.drivers.endpoint import READY_S
from harness.drivers.host import Host
from harness.errors import HarnessError
from harness.history.records import HealthRecord
from harness.live.environment import child_environment
from harness.live.memory import watch_memory
from harness.live.processes import OwnedProcess
from harness.live.toxiproxy.port import Port
from harness.messages import ChainStart, LoadTarget
from harness.provider.listener import Process
from harness.waiting import poll, to_the_end

NAME = "chain"
GONE_S = 2.0
"""How long the port of a gateway whose process has ended may still accept connections."""


class Child(Protocol):
    """Makes a child process, which its owner starts and ends."""

    def __call__(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], ours: bool) -> OwnedProcess:
        """Return it, not yet started."""


class ChainProcess:
    """Owns the chain's process, if there is one. Use it as `async with ChainProcess(…) as chain:`; leaving ends it.

    Args:
        hosted: How the chain is hosted.
        child: Makes its process.
        capture: The folder for its rows.
        seed: The plan's.
        restarts: A fault will end it in mid-run: it is given a port that stays the same.
        put: Takes the health records of a user's gateway.
    """

    def __init__(
        self,
        hosted: Host,
        child: Child,
        *,
        capture: Path,
        seed: int,
        restarts: bool,
        put: Callable[[HealthRecord], None],
    ) -> None:
        self._hosted = hosted
        self._make = child
        self._capture = capture
        self._seed = seed
        self._put = put
        self._port = Port("127.0.0.1:0", what=NAME) if restarts and hosted.part is not None else None
        self._base_urls: Mapping[str, str] = {}
        self._message: ChainStart | None = None
        self._child: OwnedProcess | None = None
        self._tasks = AsyncExitStack()
        self._starting: asyncio.Task[None] | None = None
        self._starts = 0
        self._running = False
        self._dead: asyncio.Future[HarnessError] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        """Start a process of ours: it is busy with its imports for seconds, while the other parts start."""
        if self._hosted.part is not None:
            await self._start_part()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._settle()
        await self._tasks.aclose()
        if self._port is not None:
            self._port.close()
        if self._child is not None:
            await self._child.__aexit__(kind, error, trace)

    async def ready(self, base_urls: Mapping[str, str], *, database: str | None = None) -> LoadTarget:
        """Wait until the chain is ready, and return where it answers.

        Args:
            base_urls: Where each provider is called, by name.
            database: Where its database is called, in place of its own address.

        Raises:
            HarnessError: It is not in time, or has ended.
        """
        self._base_urls = base_urls
        if self._hosted.part is not None:
            self._message = self._hosted.start_message(self._capture, base_urls, seed=self._seed, database=database)
            return await self._part_ready()
        probe = self._hosted.probe()
        assert probe is not None
        if self._hosted.command(base_urls) is None:
            await probe.wait()
        else:
            await probe.free()
            await self._start_gateway()
        return self._hosted.target()

    async def bring(self, process: Process) -> int | None:
        """Make a fault of the process come true, or be over; return 1 if it was ended for it, None if nothing was to be done.

        Raises:
            HarnessError: It does not end, or is not ready again in time. Then `died` completes too.
        """
        ended = None
        if process == "killed" or (process == "restarted" and self._running):
            ended = await to_the_end(self._stop(kill=process == "killed"))
        if process != "killed" and not self._running:
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._again())
            await asyncio.shield(self._starting)  # whoever waits for it may leave; it is started once
        return ended

    async def died(self) -> HarnessError:
        """Complete when the process ends without a fault; return how."""
        return await asyncio.shield(self._dead)

    async def end(self, *, grace_s: float) -> None:
        """End the process for good."""
        await self._settle()
        if self._child is not None:
            await self._child.end(grace_s=grace_s)

    async def _settle(self) -> None:
        """Start nothing any more."""
        if self._starting is not None:
            await _cancelled(self._starting)
            if not self._starting.cancelled():
                self._starting.exception()

    async def _stop(self, *, kill: bool) -> int | None:
        if not self._running:
            return None
        assert self._child is not None
        self._running = False
        await self._tasks.aclose()
        if kill:
            await self._child.kill()
        else:
            await self._child.end()
        probe = self._hosted.probe()
        if probe is not None:

            async def gone() -> bool:
                return not await probe.accepts()

            if not await poll(gone, timeout_s=GONE_S):
                hint = "it must not leave the process group in which it was started"
                raise self._die(
                    HarnessError(f"{probe.address} is still served after its process has ended", where=NAME, hint=hint)
                )
        return 1

    async def _again(self) -> None:
        try:
            if self._hosted.part is not None:
                await self._start_part()
                await self._part_ready()
            else:
                await self._start_gateway()
        except HarnessError as error:
            raise self._die(error) from None

    async def _start_part(self) -> None:
        hosted = self._hosted
        assert hosted.part is not None
        argv = hosted.part if self._port is None else (*hosted.part, str(self._port.number))
        env = hosted.environ(child_environment(hosted.variables))
        await self._start(self._make(NAME, argv, env=env, ours=True))

    async def _part_ready(self) -> LoadTarget:
        assert self._message is not None
        assert self._child is not None
        target = await self._child.ready(replace(self._message, restarts=self._starts - 1), LoadTarget)
        self._running = True
        return target

    async def _start_gateway(self) -> None:
        command, probe = self._hosted.command(self._base_urls), self._hosted.probe()
        assert command is not None
        assert probe is not None
        child = self._make(NAME, command, env=os.environ, ours=False)
        await self._start(child)
        self._beside(watch_memory(child.pid, self._put))
        await child.until(probe.ready, timeout_s=READY_S, what=probe.what)
        self._running = True

    async def _start(self, child: OwnedProcess) -> None:
        self._child = await child.__aenter__()
        self._starts += 1
        self._beside(self._watch(child))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something as long as the process runs."""
        task = asyncio.create_task(work)
        self._tasks.push_async_callback(_cancelled, task)

    async def _watch(self, child: OwnedProcess) -> None:
        self._die(await child.died())

    def _die(self, error: HarnessError) -> HarnessError:
        """Let `died` return an error, if it is the first one, and return it."""
        if not self._dead.done():
            self._dead.set_result(error)
        return error


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
