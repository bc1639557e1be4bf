"""Judge finished runs beside running ones: in a process of its own, at the lowest priority.

Compacting and judging a run takes a second or two of pandas. On the runner's event loop that would stall the nemesis of
every run under way; at the lowest priority it takes only what the runs leave over.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.engines import Quiet
from harness.errors import ExitCode, HarnessError
from harness.experiment.judging import judge_run
from harness.history import History
from harness.judge import Score, ScorecardNumbers, score
from harness.live.processes import OwnedProcess
from harness.messages import Failed, Ready
from harness.scenario import Plan
from harness.store import RunFolder

JUDGE_S = 300.0
"""How long one run may take; the priority is the lowest, so the machine may be busy with others all the while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRun:
    """What a judging process is asked.

    Attributes:
        run: The run's folder.
        error: Why it did not come to its planned end; empty if it did.
        exit_code: What such an end means.
    """

    run: str
    error: str
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The answer of one run.

    Attributes:
        score: In one word.
        exit_code: Of the run.
        reasons: The verdict's.
        tally: Its numbers.
    """

    score: Score
    exit_code: int
    reasons: tuple[str, ...]
    tally: ScorecardNumbers


class Judge(Protocol):
    """Who judges the runs of a suite."""

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Judge a run.

        Args:
            folder: The run's.
            error: Why it did not come to its planned end; empty if it did.
            exit_code: What such an end means; of no meaning without an error.

        Raises:
            HarnessError: It cannot be judged; its records are kept.
        """


def judge_folder(folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
    """Put a run's records together, judge them, and write everything down; the arguments are those of `Judge.judge`."""
    problem = HarnessError(error) if error else None
    if problem is not None:
        problem.exit_code = exit_code
    plan = folder.plan()
    return judged(plan, folder, folder.history(complete=not error), problem)


def judged(plan: Plan, folder: RunFolder, history: History, error: HarnessError | None) -> Judged:
    """Judge a run whose records are at hand, and write everything down."""
    run = judge_run(plan, folder, history, error, Quiet()).run
    verdict, numbers = run.verdict, ScorecardNumbers.of(run.data)
    return Judged(score=score(verdict, numbers), exit_code=verdict.exit_code, reasons=verdict.reasons, tally=numbers)


class JudgeProcess:
    """The runner's side of it: takes one run at a time, and replaces a process that died.

    Args:
        log: Where the process writes its messages.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._child: OwnedProcess | None = None
        self._turn = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def start(cls, log: Path) -> AsyncIterator[JudgeProcess]:
        """Have it at hand; leaving ends it."""
        self = cls(log)
        try:
            yield self
        finally:
            await self._end()

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Judge a run; see `Judge`."""
        asked = JudgeRun(run=str(folder.path), error=error, exit_code=int(exit_code))
        async with self._turn:
            try:
                answer = await asyncio.wait_for(self._ask(asked), JUDGE_S)
            except TimeoutError:
                await self._end(grace_s=0)
                raise HarnessError(f"took more than {JUDGE_S:g} s for one run", where="judge") from None
            except HarnessError:
                await self._end(grace_s=0)  # the next run gets a new one
                raise
        if isinstance(answer, Failed):
            raise HarnessError(answer.problem, where="judge", hint=f"harness report {folder.path}")
        return answer

    async def _ask(self, message: JudgeRun) -> Judged | Failed:
        if self._child is None:
            argv = [sys.executable, "-m", "harness.experiment.suites.judge_part"]
            self._child = await OwnedProcess("judge", argv, log=self._log, part=True).__aenter__()  # left by `_end`
            await self._child.ready(None, Ready)
        await self._child.send(message)
        return await self._child.receive(Judged, Failed)

    async def _end(self, grace_s: float | None = None) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end(grace_s=grace_s)
