"""What a Dask worker does for us. Its own process has threads, so a process of ours beside it forks for each run.

Each function is called by name in the worker, with plain data. One process of ours serves all who ask this worker.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import get_worker

from harness.errors import HarnessError
from harness.experiment.cluster.messages import Searched, SearchSpace
from harness.experiment.cluster.pool import held, put
from harness.experiment.sim_pool import IMPORTS_S, RUN_S, SimPool
from harness.experiment.suites.simulating import Simulated, SimulateRun, simulated
from harness.lines import read, write
from harness.live.processes import OwnedProcess
from harness.messages import Failed, Ready, Refused
from harness.store import encode

IDLE_S = 60.0
"""How long our process is kept for the next run."""
ENDED = "the run was ended"

_under_way: dict[asyncio.Task[bytes], str] = {}
"""What this worker does for us at present, with the session that asked for it."""


async def simulate(session: str, line: bytes, files: dict[str, bytes]) -> tuple[bytes, dict[str, bytes]]:
    """Simulate and judge a run in a folder of its own.

    Args:
        session: Who asks.
        line: A `SimulateRun`; its folder is this machine's to choose.
        files: What the folder holds, by path within it.

    Returns:
        A `Simulated` or a `Refused`, and what the folder holds then.
    """
    asked: SimulateRun = read(line, SimulateRun)
    with tempfile.TemporaryDirectory(prefix="harness-run-") as folder:
        put(Path(folder), files)
        answer = await _answered(session, _SIMULATOR.carry(replace(asked, run=folder)))
        # What an error says of this folder is about the one that the runner keeps.
        return answer.replace(encode(folder)[1:-1], encode(asked.run)[1:-1]), held(Path(folder))


async def search(session: str, line: bytes) -> bytes:
    """Carry out a `SearchSpace`; return a `Searched` or a `Refused`. News of it are events of the session's topic."""
    return await _answered(session, _searched(session, read(line, SearchSpace)))


async def end(session: str) -> None:
    """End what a session has asked for and nobody waits for any more."""
    ended = [task for task, of in _under_way.items() if of == session]
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


async def _answered(session: str, work: Coroutine[Any, Any, object]) -> bytes:
    """Return what a piece of work comes to as a line; an error of ours is a `Refused`."""
    task = asyncio.create_task(_line(work))
    _under_way[task] = session
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()
        del _under_way[task]
    return write(Refused(problem=ENDED)) if task.cancelled() else task.result()


async def _line(work: Coroutine[Any, Any, object]) -> bytes:
    try:
        return write(await work)
    except HarnessError as error:
        return write(Refused.of(error))
    except TimeoutError:
        return write(Refused(problem=f"took more than {RUN_S:g} s for one run", where="sim"))


class _Simulator:
    """Our process that simulates. It is kept from run to run, whoever asks for them."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._pool: SimPool | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def carry(self, asked: SimulateRun) -> Simulated:
        """Simulate and judge a run."""
        if self._idle is not None:
            self._idle.cancel()
        if self._pool is None:
            log = self._stack.enter_context(_log())
            self._pool = await self._stack.enter_async_context(SimPool.start(1, log, simulated))
        try:
            answer = await self._pool.ask(asked, Simulated)
        finally:
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end)
        if isinstance(answer, Failed):
            raise HarnessError(answer.problem, where="sim")
        return answer

    def _end(self) -> None:
        self._pool = None
        self._ending = asyncio.create_task(self._stack.pop_all().aclose())


_SIMULATOR = _Simulator()


async def _searched(session: str, asked: SearchSpace) -> Searched:
    worker = get_worker()
    argv = [sys.executable, "-m", "harness.experiment.cluster.search_part"]
    with _log() as log:
        child = OwnedProcess(
            "search",
            argv,
            log=log,
            env=os.environ,
            part=True,
            notice=lambda news: worker.log_event(session, news),
        )
        async with child:
            await child.ready(None, Ready, timeout_s=IMPORTS_S)
            await child.send(asked)
            answer = await child.receive(Searched, Refused)
    if isinstance(answer, Refused):
        raise answer.error()
    return answer


@contextmanager
def _log() -> Iterator[Path]:
    """Have a file for what a process of ours prints, as long as it lives."""
    with tempfile.NamedTemporaryFile(prefix="harness-", suffix=".log") as file:
        yield Path(file.name)
