"""Run a scenario, judge what happened, keep it, report it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.document import Document
from harness.engines import Engine, Progress
from harness.errors import HarnessError, UsageError
from harness.experiment.index import is_kept_in, update_index
from harness.experiment.judging import RunResult, judge_run
from harness.experiment.live import Interrupted, carry_out, interruptible
from harness.experiment.prepare import Loaded, prepare
from harness.experiment.real import Permission, notices
from harness.experiment.sim_run import simulable, simulate
from harness.extras import LIVE, REPORT
from harness.live.toxiproxy import provision
from harness.live.workers import ALONE, LoadSetup
from harness.report import pdf as pdf_of_page
from harness.report.notebook import write_report
from harness.scenario import Plan
from harness.store import RunFolder, latest
from harness.watch.watching import Watch


def run(
    scenario: Path | Document,
    *,
    reports: Path,
    progress: Progress,
    chain: Path | None = None,
    seed: int | None = None,
    command: str = "",
    allow_real: bool = False,
    engine: Engine = Engine.LIVE,
    home: ChainHome = AT_HOME,
    brief: bool = False,
    page: bool = True,
    setup: LoadSetup = ALONE,
    watch: Watch | None = None,
) -> RunResult:
    """Run a scenario.

    Args:
        scenario: Its file, or what such a file would hold.
        reports: Folder of all runs.
        progress: Told about each phase.
        chain: In place of the scenario's.
        seed: In place of the scenario's.
        command: The command line that repeats this run, for the report.
        allow_real: Real providers that are not on this machine may be called.
        engine: On real parts, or in virtual time.
        home: Where the chain is to run, in place of what its file names.
        brief: End once the last request has ended, and make no page.
        page: Make the run's page.
        setup: In which processes the load runs, on real parts.
        watch: Counts what happens while it happens.

    Raises:
        UsageError: The scenario or the chain is wrong, or an extra is not installed; nothing was started.
        HarnessError: No run could be begun, or what it left cannot be written.
    """
    if engine == Engine.LIVE:
        LIVE.need()
    loaded = prepare(scenario, Permission(os.environ, allow=allow_real), chain=chain, seed=seed, home=home)
    if engine == Engine.SIM:
        return _simulated(loaded, reports, progress, command, watch, page=page)
    return run_live(
        loaded, reports, progress, command=command, brief=brief, page=page and not brief, setup=setup, watch=watch
    )


def run_live(
    loaded: Loaded,
    reports: Path,
    progress: Progress,
    *,
    command: str = "",
    brief: bool = False,
    page: bool = True,
    setup: LoadSetup = ALONE,
    watch: Watch | None = None,
) -> RunResult:
    """Carry a plan out on real parts, judge what happened, and keep it; the arguments are those of `run`.

    Raises:
        HarnessError: No run could be begun, or what it left cannot be written.
    """
    for notice in notices(loaded.chain):
        progress.say(notice)
    progress.phase("toxiproxy")
    binary = provision(progress.say)
    folder = RunFolder.create(reports, loaded.plan)
    error: HarnessError | None
    try:
        work = carry_out(
            loaded,
            folder,
            binary=binary,
            progress=progress,
            command=command,
            brief=brief,
            setup=setup,
            watch=watch,
        )
        error = interruptible(work)
    except Interrupted as ended:
        error = ended
    result = _conclude(loaded.plan, folder, error, progress, page=page)
    update_index(reports, progress.say)
    return result


def _simulated(
    loaded: Loaded, reports: Path, progress: Progress, command: str, watch: Watch | None, *, page: bool
) -> RunResult:
    simulable(loaded.chain)
    folder = RunFolder.create(reports, loaded.plan)
    progress.phase("simulate")
    _history, error = simulate(loaded.plan, loaded.chain, folder, command=command)
    result = _conclude(loaded.plan, folder, error, progress, page=page)
    update_index(reports, progress.say)
    if watch is not None:
        watch.add_judged(folder)
    return result


def report(path: Path | None, *, reports: Path, progress: Progress, pdf: bool = False) -> RunResult:
    """Evaluate a saved run again and write its report.

    Args:
        path: The run's folder; None for the latest in `reports`.
        reports: Folder of all runs.
        progress: Told about each phase.
        pdf: Print the page as well.

    Raises:
        UsageError: There is no such run, or what makes its page or prints it is not installed.
    """
    REPORT.need()
    browser = pdf_of_page.browser() if pdf else None
    folder = RunFolder.open(path or latest(reports))
    progress.say(f"judging {folder.path}")
    try:
        result = judge_run(folder.plan(), folder, folder.history(), None, progress)
        _render(result, progress)
        if browser is not None:
            progress.phase("pdf")
            folder.write_pdf(pdf_of_page.printed(folder.report, browser))
    except OSError as problem:
        hint = "copy the folder to where you may write"
        raise UsageError(problem.strerror or str(problem), where=str(folder.path), hint=hint) from None
    if is_kept_in(reports, folder.path):
        update_index(reports, progress.say)
    return result


def _conclude(
    plan: Plan, folder: RunFolder, error: HarnessError | None, progress: Progress, *, page: bool
) -> RunResult:
    try:
        result = judge_run(plan, folder, folder.history(complete=error is None), error, progress)
        folder.publish()
    except (OSError, UsageError) as problem:
        # The first thing that went wrong is the one to report.
        raise error or HarnessError.wrapping(problem, where=str(folder.path)) from None
    if result.error is None and page:
        try:
            _render(result, progress)
        except (HarnessError, OSError) as problem:  # the verdict counts without its page
            progress.say(f"warning: {HarnessError.wrapping(problem, where=str(folder.path))}")
    return result


def _render(result: RunResult, progress: Progress) -> None:
    progress.phase("report")
    write_report(result.folder.path, result.run)
