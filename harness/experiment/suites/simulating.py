"""Simulate a suite's runs in processes of ours, each judged by the process that simulated it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness.chain import Chain
from harness.engines import Gate
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.sim_pool import RUN_S, SimPool
from harness.experiment.sim_run import simulate
from harness.experiment.suites.jobs import Job
from harness.experiment.suites.judge_part import judged as judge_again
from harness.experiment.suites.judge_process import Judged, JudgeRun, judged
from harness.messages import Failed, Refused
from harness.sim.warm import answered
from harness.store import RunFolder


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


def simulated(asked: SimulateRun) -> Simulated | Failed:
    """Simulate and judge one run, in a fork of this process."""
    return answered(asked.chain, partial(_simulated, asked))


def _simulated(asked: SimulateRun) -> Simulated:
    folder = RunFolder.open(Path(asked.run))
    plan = folder.plan()
    history, error = simulate(plan, asked.chain, folder, command=asked.command)
    try:
        answer = judged(plan, folder, folder.history() if history is None else history, error)
    except (OSError, UsageError) as problem:
        raise error or problem from None  # the first thing that went wrong is the one to report
    return Simulated(judged=answer, error=None if error is None else Refused.of(error))


class SuitePool:
    """To a suite both the engine and the judge: what a process answered about a run is kept until it is asked for.

    Args:
        pool: The processes, which answer `SimulateRun` and `JudgeRun`.
    """

    def __init__(self, pool: SimPool) -> None:
        self._pool = pool
        self._judged: dict[Path, Judged] = {}

    @classmethod
    @asynccontextmanager
    async def start(cls, processes: int, log: Path) -> AsyncIterator[SuitePool]:
        """Have it at hand; leaving ends its processes."""
        async with SimPool.start(processes, log, simulated, judge_again) as pool:
            yield cls(pool)

    async def carry(self, job: Job, folder: RunFolder, _gate: Gate) -> HarnessError | None:
        """Simulate and judge a run; see `harness.experiment.suites.conductor.CarryOut`."""
        message = SimulateRun(run=str(folder.path), chain=job.loaded.chain, command=job.command)
        try:
            answer = await self._pool.ask(message, Simulated)
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
        answer = await self._pool.ask(asked, Judged)
        if isinstance(answer, Failed):
            raise HarnessError(answer.problem, where="judge", hint=f"harness report {folder.path}")
        return answer
