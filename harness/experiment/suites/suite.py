"""Run every scenario on every chain, side by side where they do not disturb each other, and keep the score."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.drivers.host import host
from harness.engines import CountedProgress, Engine, Gate, Quiet
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.cluster.pool import ClusterPool
from harness.experiment.cluster.shipping import shipped
from harness.experiment.environment import cores
from harness.experiment.index import update_index
from harness.experiment.live import Interrupted, carry_out, interruptible
from harness.experiment.real import notices
from harness.experiment.sim_run import simulable
from harness.experiment.suites.cells import scorecard
from harness.experiment.suites.conductor import ByCount, ByWave, CarryOut, Judges, Shown, Suite, Waves
from harness.experiment.suites.jobs import Job, jobs
from harness.experiment.suites.judge_process import Judge, Judged, JudgeProcess
from harness.experiment.suites.simulating import SuitePool
from harness.experiment.suites.waves import pack, together
from harness.extras import LIVE
from harness.live.nursery import nurseries
from harness.live.toxiproxy import Binary, provision
from harness.report.scorecard import LeftOut, Scorecard, junit
from harness.store import RunFolder, SuiteFolder
from harness.watch.watching import Watch


def suite(
    paths: Sequence[Path],
    *,
    reports: Path,
    progress: CountedProgress,
    chains: Sequence[Path] = (),
    seed: int | None = None,
    repeat: int = 1,
    most: int | None = None,
    resume: Path | None = None,
    junit_file: Path | None = None,
    command: str = "",
    allow_real: bool = False,
    engine: Engine = Engine.LIVE,
    home: ChainHome = AT_HOME,
    watch: Watch | None = None,
    scheduler: str | None = None,
) -> Scorecard:
    """Run scenarios on chains, and write the scorecard.

    Args:
        paths: Scenario files, and folders of them.
        reports: Folder of all runs.
        progress: Told about each wave.
        chains: Chain files; with none, each scenario's own.
        seed: Of the first run of each cell; the scenario's if None.
        repeat: Runs of each cell, each with the next seed.
        most: Runs side by side at most; if None, as many as the machine can handle.
        resume: Folder of a suite that did not come to its end: what is done there is not done again.
        junit_file: Where the JUnit file is written too.
        command: The command line that repeats this suite.
        allow_real: Real providers that are not on this machine may be called.
        engine: On real parts, or in virtual time.
        home: Where the chains are to run, in place of what their files name.
        watch: Counts what happens while it happens.
        scheduler: Address of a Dask scheduler, on whose workers the runs are simulated; processes of ours if None.

    Raises:
        UsageError: Files are wrong, only a live run can do what they ask for, or an extra is not installed; nothing was started.
        Interrupted: Somebody ended it; whatever was done is kept.
        HarnessError: No suite could be begun, or what it left cannot be written.
    """
    if junit_file is not None and (junit_file.is_dir() or not junit_file.absolute().parent.is_dir()):
        raise UsageError("no file can be written here", where=str(junit_file), hint="make its folder first")
    if engine == Engine.LIVE:
        if scheduler is not None:
            raise UsageError("only a simulation runs on a cluster", where="--scheduler", hint="add --engine sim")
        LIVE.need()
    chains = tuple(dict.fromkeys(chains))
    left_out: list[LeftOut] = []
    todo = jobs(
        paths,
        chains=chains,
        seed=seed,
        repeat=repeat,
        allow_real=allow_real,
        engine=engine,
        home=home,
        left_out=left_out,
    )
    if engine == Engine.SIM:
        for job in todo:
            simulable(job.loaded.chain)
            if scheduler is not None:
                shipped(job.loaded.chain)
    else:
        for notice in dict.fromkeys(notice for job in todo for notice in notices(job.loaded.chain)):
            progress.say(f"{notice}, in each of its runs")
    before = None if resume is None else SuiteFolder.open(resume)
    binary = None
    if engine == Engine.LIVE:
        progress.phase("toxiproxy")
        binary = provision(progress.say)
    folder = before or SuiteFolder.create(reports)
    resumed = before is not None
    card = scorecard(folder, todo, left_out=left_out, command=command, engine=engine, resumed=resumed)
    parts = _Parts(todo, card, folder, reports=reports, progress=progress, most=most, watch=watch)
    try:
        card = interruptible(_simulated(parts, scheduler) if binary is None else _live(parts, binary))
        if junit_file is not None:
            junit_file.write_bytes(junit(card))
    except Interrupted as ended:
        ended.hint = f"finished runs are saved; resume with the same command and --resume {folder.path}"
        raise
    except OSError as problem:
        where = str(problem.filename or folder.path)
        hint = f"what was done is kept: {folder.path}"
        raise HarnessError(problem.strerror or str(problem), where=where, hint=hint) from None
    finally:
        folder.remove_unused()
        update_index(reports, progress.say)
    return card


@dataclass(frozen=True, slots=True)
class _Parts:
    """What both engines' suites are made of; see `Suite`."""

    todo: Sequence[Job]
    card: Scorecard
    folder: SuiteFolder
    _: KW_ONLY
    reports: Path
    progress: CountedProgress
    most: int | None
    watch: Watch | None

    def suite(self, carry: CarryOut, judges: Judges, *, waves: Waves, shown: Shown, slots: int | None = None) -> Suite:
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
            shown=shown,
            slots=slots,
        )


async def _live(parts: _Parts, binary: Binary) -> Scorecard:
    todo, progress = parts.todo, parts.progress
    hosts = [host(job.loaded.chain) for job in todo] if len(todo) > 1 else []
    modules = {hosted.forked: hosted.variables for hosted in hosts if hosted.forked is not None}
    if hosts:
        modules["harness.edge"] = frozenset()
    progress.phase("imports")
    async with nurseries(modules, parts.folder.path, progress.say) as forks:

        async def carry(job: Job, run: RunFolder, gate: Gate) -> HarnessError | None:
            shown = Quiet(lambda text: progress.say(f"{job.name}: {text}"))
            return await carry_out(
                job.loaded,
                run,
                binary=binary,
                progress=shown,
                command=job.command,
                gate=gate,
                forks=forks(),
                watch=parts.watch,
            )

        waves = partial(pack, cores=cores(), most=parts.most)
        return await parts.suite(carry, JudgeProcess.start, waves=waves, shown=ByWave(progress)).run()


class _Counted:
    """A judge whose runs are counted once they are judged: a simulated run has no rows before.

    Args:
        judge: Judges them.
        watch: Counts them.
    """

    def __init__(self, judge: Judge, watch: Watch) -> None:
        self._judge = judge
        self._watch = watch

    async def judge(self, folder: RunFolder, error: str, *, exit_code: ExitCode = ExitCode.HARNESS) -> Judged:
        """Judge a run; see `Judge`."""
        judged = await self._judge.judge(folder, error, exit_code=exit_code)
        self._watch.add_judged(folder)
        return judged


async def _simulated(parts: _Parts, scheduler: str | None) -> Scorecard:
    async with AsyncExitStack() as stack:
        processes, log = min(len(parts.todo), parts.most or len(parts.todo)), parts.folder.path / "sim.log"
        pool: SuitePool | ClusterPool
        if scheduler is None:
            processes = min(cores(), processes)
            pool = await stack.enter_async_context(SuitePool.start(processes, log))
        else:
            chains = [job.loaded.chain for job in parts.todo]
            pool = await stack.enter_async_context(ClusterPool.start(scheduler, chains, log, parts.progress))
            processes = min(pool.workers, processes)

        @asynccontextmanager
        async def judges(_log: Path) -> AsyncIterator[Judge]:
            yield pool if parts.watch is None else _Counted(pool, parts.watch)

        # One run more than there are processes: its folder is made while they are busy.
        shown = ByCount(parts.progress)
        return await parts.suite(pool.carry, judges, waves=together, shown=shown, slots=processes + 1).run()
