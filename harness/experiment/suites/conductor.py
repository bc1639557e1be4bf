"""A suite under way: its runs, wave by wave, each judged as soon as it has ended, and the score kept after every step."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from harness.engines import BudgetReached, CountedProgress, Gate
from harness.errors import ExitCode, HarnessError, Unfit
from harness.experiment.suites.jobs import Job
from harness.experiment.suites.judge_process import Judge
from harness.experiment.suites.waves import StartGate, Wave
from harness.judge import Score
from harness.report.scorecard import CellRun, LeftOut, Scorecard, html, junit, markdown
from harness.scenario.shipped import named
from harness.store import RunFolder, SuiteFolder

CarryOut = Callable[[Job, RunFolder, Gate], Awaitable[HarnessError | None]]
"""Carries one run out, and returns why it did not come to its planned end, or None. Awaits the gate once it is ready."""
Waves = Callable[[Sequence[Job]], list[Wave]]
"""Says which runs go side by side."""
Judges = Callable[[Path], AbstractAsyncContextManager[Judge]]
"""Starts the judge of the runs; takes the file of its log."""

WRITING_SHARE = 0.05
"""How much of its time a suite may take to write down how far it is."""


class Shown(Protocol):
    """Shows where a suite is."""

    def start(self, wave: Wave, name: str) -> None:
        """Show that the runs of a wave start."""

    def begin(self, wave: Wave, name: str) -> None:
        """Show that all of them are ready, and begin."""

    def ended(self) -> None:
        """Show that a run has ended."""

    def judged(self, job: Job, score: Score) -> None:
        """Show how a run was judged."""


class ByWave:
    """Shows each wave, and each run's score: runs that take their own length.

    Args:
        progress: Receives it.
    """

    def __init__(self, progress: CountedProgress) -> None:
        self._progress = progress

    def start(self, wave: Wave, name: str) -> None:
        """See `Shown`."""
        size = f"{len(wave.jobs)} run{'s' if len(wave.jobs) > 1 else ''}"
        self._progress.say(f"{name}: {size}, {wave.length_s:.0f} s")
        self._progress.phase(f"{name}: start")

    def begin(self, wave: Wave, name: str) -> None:
        """See `Shown`."""
        self._progress.phase(name, wave.length_s)

    def ended(self) -> None:
        """See `Shown`; the clock shows it."""

    def judged(self, job: Job, score: Score) -> None:
        """See `Shown`."""
        self._progress.say(f"{job.name}: {score}")


class ByCount:
    """Counts runs, and shows only scores that somebody must look at: hundreds of runs that take no time of their own.

    Args:
        progress: Receives it.
    """

    def __init__(self, progress: CountedProgress) -> None:
        self._progress = progress
        self._done = self._total = 0

    def start(self, wave: Wave, name: str) -> None:  # noqa: ARG002 - there is one wave
        """See `Shown`."""
        self._total = len(wave.jobs)
        self._progress.count(0, self._total)

    def begin(self, wave: Wave, name: str) -> None:
        """See `Shown`; each run begins when there is a process for it."""

    def ended(self) -> None:
        """See `Shown`."""
        self._done += 1
        self._progress.count(self._done, self._total)

    def judged(self, job: Job, score: Score) -> None:
        """See `Shown`."""
        if score is not Score.PASS:
            self._progress.say(f"{job.name}: {score}")


class Suite:
    """A suite under way. Its scorecard is kept on the disk after every step, so that it can be gone on with.

    Args:
        todo: All runs.
        card: The scorecard so far.
        folder: The suite's.
        reports: Folder of all runs.
        engine: Carries one run out.
        judges: Starts their judge.
        progress: Shows each wave.
        waves: Says which runs go side by side.
        shown: Shows where it is.
        slots: Runs under way at most; as many as there are if None.
    """

    def __init__(
        self,
        todo: Sequence[Job],
        card: Scorecard,
        folder: SuiteFolder,
        *,
        reports: Path,
        engine: CarryOut,
        judges: Judges,
        progress: CountedProgress,
        waves: Waves,
        shown: Shown,
        slots: int | None = None,
    ) -> None:
        self.card = card
        self._todo = todo
        self._folder = folder
        self._reports = reports
        self._engine = engine
        self._judges = judges
        self._progress = progress
        self._waves = waves
        self._shown = shown
        self._slots = asyncio.Semaphore(slots or len(todo) or 1)
        self._written_s = 0.0
        self._judge: Judge
        self._unfit: dict[int, LeftOut] = {}
        self._judgements: set[asyncio.Task[None]] = set()

    async def run(self) -> Scorecard:
        """Do all that is to be done, wave by wave, and write the scorecard; also when it is cut short."""
        began = time.monotonic()
        fresh = [job for job in self._todo if not self._state(job).ended]
        waves = self._waves(fresh)
        if kept := len(self._todo) - len(fresh):
            self._progress.say(f"{kept} of {len(self._todo)} runs are done already")
        self._folder.write(self.card.as_json())
        try:
            async with self._judges(self._folder.path / "judge.log") as self._judge:
                try:
                    for job in self._todo:
                        if self._state(job).ended and self._state(job).score is None:
                            self._judge_later(job)
                    for place, wave in enumerate(waves, start=1):
                        await self._wave(wave, f"wave {place} of {len(waves)}")
                    self._progress.phase("judge")
                    await asyncio.gather(*self._judgements)
                finally:
                    for task in self._judgements:
                        task.cancel()
                    await asyncio.gather(*self._judgements, return_exceptions=True)
            if not kept:
                self.card = replace(self.card, wall_s=time.monotonic() - began)
        finally:
            self._write()
        return self.card

    async def _wave(self, wave: Wave, name: str) -> None:
        self._shown.start(wave, name)
        gate = StartGate(len(wave.jobs))
        announcement = asyncio.create_task(self._announce(gate, wave, name))
        try:
            await asyncio.gather(*(self._in_turn(job, gate) for job in wave.jobs))
        finally:
            announcement.cancel()

    async def _announce(self, gate: StartGate, wave: Wave, name: str) -> None:
        await gate.opened()
        self._shown.begin(wave, name)

    async def _in_turn(self, job: Job, gate: StartGate) -> None:
        async with self._slots:
            await self._one(job, gate)

    async def _one(self, job: Job, gate: StartGate) -> None:
        """Carry one run out; whatever becomes of it, the others go on."""
        folder: RunFolder | None = None
        error: HarnessError | None
        async with gate.ticket() as wait:
            try:
                folder = RunFolder.create(self._reports, job.loaded.plan)
                error = await self._engine(job, folder, wait)
            except Exception as problem:  # a bug in one run is no reason to lose the others
                error = HarnessError.wrapping(problem, where="runner")
        if isinstance(error, Unfit) and job.chain_file is not None:
            left_out = LeftOut(scenario=named(job.loaded.path), chain=str(job.chain_file), why=error.problem)
            self._unfit[job.cell] = left_out
        elif error is not None:
            self._progress.say(f"{job.name}: error: {error}")
        path = None if folder is None else str(folder.path)
        code = ExitCode.PASS if error is None else ExitCode.HARNESS
        if isinstance(error, BudgetReached):  # as with `harness run`, no failure
            code = error.exit_code
        self._set(
            job,
            run=path,
            ended=True,
            error=error.headline if error else "",
            exit_code=int(code),
            wall_s=_wall_s(folder),
        )
        self._shown.ended()
        if folder is not None:
            self._judge_later(job)

    def _judge_later(self, job: Job) -> None:
        self._judgements.add(asyncio.create_task(self._judged(job)))

    async def _judged(self, job: Job) -> None:
        state = self._state(job)
        assert state.run is not None
        try:
            folder, code = RunFolder(Path(state.run)), ExitCode(state.exit_code)
            judged = await self._judge.judge(folder, state.error, exit_code=code)
        except (HarnessError, OSError) as problem:
            self._progress.say(f"{job.name}: error: {problem}")
            error = state.error or f"the run could not be judged: {problem}"
            self._set(job, score=Score.INCONCLUSIVE, exit_code=int(ExitCode.HARNESS), error=error)
            return
        self._shown.judged(job, judged.score)
        self._set(
            job, score=judged.score, exit_code=code or judged.exit_code, reasons=judged.reasons, tally=judged.tally
        )

    def _state(self, job: Job) -> CellRun:
        return next(run for run in self.card.cells[job.cell].runs if run.seed == job.loaded.plan.seed)

    def _set(self, job: Job, **fields: object) -> None:
        self.card = self.card.with_run(job.cell, replace(self._state(job), **fields))  # type: ignore[arg-type]
        began_s = time.monotonic()
        if began_s < self._written_s:  # thousands of short runs: what is not written down is done again by `--resume`
            return
        try:
            self._folder.write(self.card.as_json())
        except OSError as problem:  # a disk that is full may have room again when the last run has ended
            self._progress.say(f"warning: cannot write suite.json: {problem.strerror}")
        done_s = time.monotonic()
        self._written_s = done_s + (done_s - began_s) / WRITING_SHARE

    def _leave_out(self) -> None:
        """Take off the scorecard what turned out not to fit its chain once that was hosted, unless it is all there is."""
        fit = tuple(cell for place, cell in enumerate(self.card.cells) if place not in self._unfit)
        if fit:
            self.card = replace(self.card, cells=fit, left_out=(*self.card.left_out, *self._unfit.values()))

    def _write(self) -> None:
        self._leave_out()
        self._folder.write(self.card.as_json())
        self._folder.write_scorecard(markdown=markdown(self.card), html=html(self.card), junit=junit(self.card))


def _wall_s(folder: RunFolder | None) -> float | None:
    """Return how long a run took by the clock, without the time that it waited for its turn."""
    try:
        return None if folder is None else folder.environment().get("wall_s")
    except HarnessError:  # a file that cannot be read is reported where the run is judged
        return None
