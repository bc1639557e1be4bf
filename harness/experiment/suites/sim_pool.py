"""Simulate a suite's runs: one process for each core, which forks for each run to simulate and judge it.

To the suite this is both the engine and the judge: what a process answered about a run is kept until it is asked for.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from harness.chain import Chain
from harness.engines import Gate
from harness.errors import ExitCode, HarnessError
from harness.experiment.suites.jobs import Job
from harness.experiment.suites.judge_process import Judged, JudgeRun
from harness.live.processes import OwnedProcess
from harness.messages import Failed, Ready, Refused
from harness.store import RunFolder

T = TypeVar("T")

RUN_S = 900.0
"""How long one run may take; a chain that never lets go of its process would hold up all others."""
IMPORTS_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateRun:
    """What a simulating process is asked.

    Attributes:
        run: The run's folder, with its plan.
        chain: The chain, with its secrets.
        command: The command line that repeats the run.
    """

    run: str
    chain: Chain = field(repr=False)
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A simulated run.

    Attributes:
        judged: Its answer.
        error: Why it did not come to its planned end; None if it did.
    """

    judged: Judged
    error: Refused | None = None


class SimPool:
    """The runner's side of it. A process that dies costs the run that it was at, and is replaced.

    Args:
        processes: How many.
        log: Where they write their messages.
    """

    def __init__(self, processes: int, log: Path) -> None:
        self._log = log
        self._free: asyncio.Queue[OwnedProcess | None] = asyncio.Queue()
        for _ in range(processes):
            self._free.put_nowait(None)
        self._children: set[OwnedProcess] = set()
        self._judged: dict[Path, Judged] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls, processes: int, log: Path) -> AsyncIterator[SimPool]:
        """Have them at hand; each starts with its first run, and leaving ends them."""
        self = cls(processes, log)
        try:
            yield self
        finally:
            await self.end()

    async def end(self) -> None:
        """End all of them."""
        for child in list(self._children):
            await child.end(grace_s=0)

    async def carry(self, job: Job, folder: RunFolder, _gate: Gate) -> HarnessError | None:
        """Simulate and judge a run; see `harness.experiment.suites.conductor.CarryOut`."""
        message = SimulateRun(run=str(folder.path), chain=job.loaded.chain, command=job.command)
        try:
            answer = await self.ask(message, Simulated)
        except TimeoutError:
            return HarnessError(f"took more than {RUN_S:g} s for one run", where="sim")
        except HarnessError as death:
            return death
        if isinstance(answer, Failed):
            return HarnessError(answer.problem, where="sim")
        self._judged[folder.path] = answer.judged
        return None if answer.error is None else answer.error.error()

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Return the answer of a run; see `harness.experiment.suites.judge_process.Judge`."""
        if judged := self._judged.pop(folder.path, None):
            return judged
        asked = JudgeRun(run=str(folder.path), error=error, exit_code=int(exit_code))
        # Its process died, or it is of a suite that was cut short before it was judged.
        answer = await self.ask(asked, Judged)
        if isinstance(answer, Failed):
            raise HarnessError(answer.problem, where="judge", hint=f"harness report {folder.path}")
        return answer

    async def ask(self, message: object, shape: type[T]) -> T | Failed:
        """Have a free process do something.

        Raises:
            HarnessError: It died over it.
            TimeoutError: It is at it for too long.
        """
        child = await self._free.get()
        answered = False
        try:
            child = child or await self._new()
            await child.send(message)
            answer = await asyncio.wait_for(child.receive(shape, Failed), RUN_S)
            answered = True
        finally:
            if child is not None and not answered:
                self._children.discard(child)
                await child.end(grace_s=0)
            self._free.put_nowait(child if answered else None)
        return answer

    async def _new(self) -> OwnedProcess:
        argv = [sys.executable, "-m", "harness.experiment.suites.sim_part"]
        # It looks up the keys of every chain of the suite, as the command itself would.
        child = OwnedProcess("sim", argv, log=self._log, env=os.environ, part=True)
        await child.__aenter__()  # left by `end` or `ask`
        self._children.add(child)
        await child.ready(None, Ready, timeout_s=IMPORTS_S)
        return child
