"""Run every scenario on every chain, side by side where they do not disturb each other, and keep the score."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path

from harness.drivers import host
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.cells import scorecard
from harness.experiment.jobs import Job, jobs
from harness.experiment.judging import Judge, Judging
from harness.experiment.live import Interrupted, Quiet, carry_out, interruptible
from harness.experiment.real import notices
from harness.experiment.run import Engine as EngineName
from harness.experiment.simulated import simulable
from harness.experiment.simulating import Simulating
from harness.experiment.waves import Gate, Wave, pack, together
from harness.judge import Score
from harness.live import engine
from harness.live.nursery import nurseries
from harness.live.toxiproxy import Binary, provision
from harness.report.scorecard import CellRun, Scorecard, html, junit, markdown
from harness.store import RunFolder, SuiteFolder

Engine = Callable[[Job, RunFolder, engine.Gate], Awaitable[HarnessError | None]]
"""Carries one run out, and returns why it did not come to its planned end, or None. Awaits the gate once it is ready."""
Waves = Callable[[Sequence[Job]], list[Wave]]
"""Says which runs go side by side."""
Judges = Callable[[Path], AbstractAsyncContextManager[Judge]]
"""Gives whoever judges the runs; takes the file of its log."""


WRITING_SHARE = 0.05
"""How much of its time a suite may take to write down how far it is."""


def suite(
    paths: Sequence[Path],
    *,
    reports: Path,
    progress: engine.Progress,
    chains: Sequence[Path] = (),
    seed: int | None = None,
    repeat: int = 1,
    most: int | None = None,
    resume: Path | None = None,
    junit_file: Path | None = None,
    command: str = "",
    allow_real: bool = False,
    engine: EngineName = "live",
) -> Scorecard:
    """Run scenarios on chains, and write the scorecard.

    Args:
        paths: Scenario files, and folders of them.
        reports: Folder of all runs.
        progress: Told about each wave.
        chains: Chain files; with none, each scenario's own.
        seed: Of the first run of each cell; the scenario's if None.
        repeat: Runs of each cell, each with the next seed.
        most: Runs side by side at most; as many as the machine can bear if None.
        resume: Folder of a suite that did not come to its end: what is done there is not done again.
        junit_file: Where the JUnit file is written too.
        command: The command line that repeats this suite.
        allow_real: Real providers that are not on this machine may be called.
        engine: On real parts, or in virtual time.

    Raises:
        UsageError: Files are wrong, or only a live run can do what they say; nothing was started.
        Interrupted: Somebody ended it; whatever was done is kept.
        HarnessError: No suite could be begun, or what it left cannot be written.
    """
    if junit_file is not None and (junit_file.is_dir() or not junit_file.absolute().parent.is_dir()):
        raise UsageError("no file can be written here", where=str(junit_file), hint="make its folder first")
    chains = tuple(dict.fromkeys(chains))
    todo = jobs(paths, chains=chains, seed=seed, repeat=repeat, allow_real=allow_real)
    if engine == "sim":
        for job in todo:
            simulable(job.loaded)
    else:
        for notice in dict.fromkeys(notice for job in todo for notice in notices(job.loaded.chain)):
            progress.say(f"{notice}, in each of its runs")
    before = None if resume is None else SuiteFolder.open(resume)
    binary = None
    if engine == "live":
        progress.phase("toxiproxy")
        binary = provision(progress.say)
    folder = before or SuiteFolder.create(reports)
    card = scorecard(folder, todo, chains=chains, command=command, resumed=before is not None)
    parts = _Parts(todo, card, folder, reports=reports, progress=progress, most=most)
    try:
        card = interruptible(_simulated(parts) if binary is None else _live(parts, binary))
        if junit_file is not None:
            junit_file.write_bytes(junit(card))
    except Interrupted as ended:
        ended.hint = f"what was done is kept; go on with the same command and --resume {folder.path}"
        raise
    except OSError as problem:
        where = str(problem.filename or folder.path)
        hint = f"what was done is kept: {folder.path}"
        raise HarnessError(problem.strerror or str(problem), where=where, hint=hint) from None
    return card


@dataclass(frozen=True, slots=True)
class _Parts:
    """What both engines' suites are made of; see `Suite`."""

    todo: Sequence[Job]
    card: Scorecard
    folder: SuiteFolder
    _: KW_ONLY
    reports: Path
    progress: engine.Progress
    most: int | None

    def suite(self, carry: Engine, judges: Judges, *, waves: Waves, slots: int | None = None) -> Suite:
        """Return the suite."""
        return Suite(
            self.todo,
            self.card,
            self.folder,
            reports=self.reports,
            engine=carry,
            judges=judges,
            progress=self.progress,
            waves=waves,
            slots=slots,
        )


async def _live(parts: _Parts, binary: Binary) -> Scorecard:
    todo, progress = parts.todo, parts.progress
    modules = (
        {"harness.edge"} | {(host(job.loaded.chain).part or ("",))[-1] for job in todo} if len(todo) > 1 else set()
    )
    progress.phase("imports")
    async with nurseries(modules, parts.folder.path, progress.say) as forks:

        async def carry(job: Job, run: RunFolder, gate: engine.Gate) -> HarnessError | None:
            told = Quiet(lambda text: progress.say(f"{job.name}: {text}"))
            return await carry_out(
                job.loaded, run, binary=binary, progress=told, command=job.command, gate=gate, forks=forks()
            )

        waves = partial(pack, cores=_cores(), most=parts.most)
        return await parts.suite(carry, Judging.start, waves=waves).run()


async def _simulated(parts: _Parts) -> Scorecard:
    processes = min(_cores(), len(parts.todo), parts.most or len(parts.todo))
    async with Simulating.start(processes, parts.folder.path / "sim.log") as simulating:

        @asynccontextmanager
        async def judges(_log: Path) -> AsyncIterator[Judge]:
            yield simulating

        # One run more than there are processes: its folder is made while they are busy.
        return await parts.suite(simulating.carry, judges, waves=together, slots=processes + 1).run()


class Suite:
    """A suite under way. Its scorecard is kept on the disk after every step, so that it can be gone on with.

    Args:
        todo: All runs.
        card: The scorecard so far.
        folder: The suite's.
        reports: Folder of all runs.
        engine: Carries one run out.
        judges: Gives whoever judges them.
        progress: Told about each wave.
        waves: Says which runs go side by side.
        slots: Runs under way at most; all of a wave if None.
    """

    def __init__(
        self,
        todo: Sequence[Job],
        card: Scorecard,
        folder: SuiteFolder,
        *,
        reports: Path,
        engine: Engine,
        judges: Judges,
        progress: engine.Progress,
        waves: Waves,
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
        self._slots = asyncio.Semaphore(len(todo) if slots is None else slots)
        self._written_s = 0.0
        self._judge: Judge
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
        size = f"{len(wave.jobs)} run{'s' if len(wave.jobs) > 1 else ''}"
        self._progress.say(f"{name}: {size}, {wave.length_s:.0f} s")
        self._progress.phase(f"{name}: start")
        gate = Gate(len(wave.jobs))
        herald = asyncio.create_task(self._herald(gate, wave, name))
        try:
            await asyncio.gather(*(self._in_turn(job, gate) for job in wave.jobs))
        finally:
            herald.cancel()

    async def _herald(self, gate: Gate, wave: Wave, name: str) -> None:
        await gate.opened()
        self._progress.phase(name, wave.length_s)

    async def _in_turn(self, job: Job, gate: Gate) -> None:
        async with self._slots:
            await self._one(job, gate)

    async def _one(self, job: Job, gate: Gate) -> None:
        """Carry one run out; whatever becomes of it, the others go on."""
        folder: RunFolder | None = None
        error: HarnessError | None
        async with gate.ticket() as wait:
            try:
                folder = RunFolder.create(self._reports, job.loaded.plan)
                error = await self._engine(job, folder, wait)
            except HarnessError as problem:
                error = problem
            except OSError as problem:
                error = HarnessError(problem.strerror or str(problem), where="runner")
            except Exception as bug:  # a bug in one run is no reason to lose the others
                error = HarnessError(f"{type(bug).__name__}: {bug}", where="runner", hint="a bug of the harness")
        told = "" if error is None else f"{error.where}: {error.problem}" if error.where else error.problem
        if error is not None:
            self._progress.say(f"{job.name}: error: {error}")
        path = None if folder is None else str(folder.path)
        code = ExitCode.PASS if error is None else ExitCode.HARNESS
        if isinstance(error, engine.BudgetReached):  # as with `harness run`: nobody failed
            code = error.exit_code
        self._set(job, run=path, ended=True, error=told, exit_code=int(code))
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
        self._progress.say(f"{job.name}: {judged.score}")
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

    def _write(self) -> None:
        self._folder.write(self.card.as_json())
        self._folder.write_scorecard(markdown=markdown(self.card), html=html(self.card), junit=junit(self.card))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
