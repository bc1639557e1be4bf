"""Run every scenario on every chain, side by side where they do not disturb each other, and keep the score."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.drivers import host
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.jobs import Job, jobs
from harness.experiment.judging import Judge, Judging
from harness.experiment.live import Interrupted, Quiet, carry_out, interruptible
from harness.experiment.real import notices
from harness.experiment.waves import Gate, Wave, pack
from harness.judge import Score
from harness.live import engine
from harness.live.nursery import nurseries
from harness.live.toxiproxy import provision
from harness.report.scorecard import Cell, CellRun, Scorecard, html, junit, markdown
from harness.store import RunFolder, SuiteFolder, decode, encode

Engine = Callable[[Job, RunFolder, engine.Gate], Awaitable[HarnessError | None]]
"""Carries one run out, and returns why it did not come to its planned end, or None. Awaits the gate once it is ready."""
Judges = Callable[[Path], AbstractAsyncContextManager[Judge]]
"""Gives whoever judges the runs; takes the file of its log."""


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
) -> Scorecard:
    """Run scenarios on chains, live, and write the scorecard.

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

    Raises:
        UsageError: Files are wrong; nothing was started.
        Interrupted: Somebody ended it; whatever was done is kept.
        HarnessError: No suite could be begun, or what it left cannot be written.
    """
    if junit_file is not None and (junit_file.is_dir() or not junit_file.absolute().parent.is_dir()):
        raise UsageError("no file can be written here", where=str(junit_file), hint="make its folder first")
    chains = tuple(dict.fromkeys(chains))
    todo = jobs(paths, chains=chains, seed=seed, repeat=repeat, allow_real=allow_real)
    for notice in dict.fromkeys(notice for job in todo for notice in notices(job.loaded.chain)):
        progress.say(f"{notice}, in each of its runs")
    before = None if resume is None else SuiteFolder.open(resume)
    progress.phase("toxiproxy")
    binary = provision(progress.say)
    folder = before or SuiteFolder.create(reports)

    card = scorecard(folder, todo, chains=chains, command=command, resumed=before is not None)

    async def live() -> Scorecard:
        modules = (
            {"harness.edge"} | {(host(job.loaded.chain).part or ("",))[-1] for job in todo} if len(todo) > 1 else set()
        )
        progress.phase("imports")
        async with nurseries(modules, folder.path, progress.say) as forks:

            async def carry(job: Job, run: RunFolder, gate: engine.Gate) -> HarnessError | None:
                told = Quiet(lambda text: progress.say(f"{job.name}: {text}"))
                return await carry_out(
                    job.loaded, run, binary=binary, progress=told, command=job.command, gate=gate, forks=forks()
                )

            work = Suite(
                todo, card, folder, reports=reports, engine=carry, judges=Judging.start, progress=progress, most=most
            )
            return await work.run()

    try:
        card = interruptible(live())
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


def scorecard(
    folder: SuiteFolder, todo: Sequence[Job], *, chains: Sequence[Path], command: str, resumed: bool
) -> Scorecard:
    """Return the scorecard of runs that are all still to be done, but for those of the same plan that the folder has."""
    done = _done(folder) if resumed else {}
    names = {job.cell % len(chains): job.loaded.plan.chain.name for job in todo} if chains else {}
    cells: dict[int, Cell] = {}
    for job in todo:
        plan, file = job.loaded.plan, str(job.loaded.path)
        run = CellRun(seed=plan.seed, digest=plan.digest, length_s=job.length_s, command=job.command)
        run = done.get((file, plan.digest), run)
        cell = cells.get(job.cell)
        if cell is None:
            chain_file = str(chains[job.cell % len(chains)]) if chains else None
            alike = list(names.values()).count(plan.chain.name) > 1
            cell = Cell(
                scenario=plan.name,
                title=plan.title,
                file=file,
                chain=f"{plan.chain.name} ({chain_file})" if alike else plan.chain.name,
                chain_file=chain_file,
                runs=(),
            )
        cells[job.cell] = replace(cell, runs=(*cell.runs, run))
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return Scorecard(path=str(folder.path), started=started, command=command, cells=tuple(cells.values()))


def _done(folder: SuiteFolder) -> dict[tuple[str, str], CellRun]:
    """Return the runs of a suite that came to their end and whose folders are still there, by file and plan."""
    found = {}
    try:
        for cell in folder.read()["cells"]:
            for data in cell["runs"]:
                run = decode(encode(data), CellRun)
                failed = run.exit_code == ExitCode.HARNESS
                if run.ended and not failed and run.run and (Path(run.run) / "plan.json").is_file():
                    found[cell["file"], run.digest] = run
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"not a suite of ours: {error}", where=str(folder.path / "suite.json")) from None
    return found


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
        most: Runs side by side at most.
        cores: Of this machine; asked for if None.
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
        most: int | None = None,
        cores: int | None = None,
    ) -> None:
        self.card = card
        self._todo = todo
        self._folder = folder
        self._reports = reports
        self._engine = engine
        self._judges = judges
        self._progress = progress
        self._most = most
        self._cores = cores or _cores()
        self._judge: Judge
        self._judgements: set[asyncio.Task[None]] = set()

    async def run(self) -> Scorecard:
        """Do all that is to be done, wave by wave, and write the scorecard; also when it is cut short."""
        began = time.monotonic()
        fresh = [job for job in self._todo if not self._state(job).ended]
        waves = pack(fresh, cores=self._cores, most=self._most)
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
            await asyncio.gather(*(self._one(job, gate) for job in wave.jobs))
        finally:
            herald.cancel()

    async def _herald(self, gate: Gate, wave: Wave, name: str) -> None:
        await gate.opened()
        self._progress.phase(name, wave.length_s)

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
        try:
            self._folder.write(self.card.as_json())
        except OSError as problem:  # a disk that is full may have room again when the last run has ended
            self._progress.say(f"warning: cannot write suite.json: {problem.strerror}")

    def _write(self) -> None:
        self._folder.write(self.card.as_json())
        self._folder.write_scorecard(markdown=markdown(self.card), html=html(self.card), junit=junit(self.card))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
