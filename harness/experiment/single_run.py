"""Run a scenario, judge what happened, keep it, report it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.document import Document
from harness.engines import BudgetReached, Engine, Progress
from harness.errors import HarnessError, UsageError
from harness.experiment.live import Interrupted, carry_out, interruptible
from harness.experiment.prepare import Loaded, prepare
from harness.experiment.real import Permission, notices
from harness.experiment.sim_run import simulable, simulate
from harness.extras import LIVE, REPORT
from harness.history import History
from harness.judge import RunData, Status, judge, measure, metrics_json, verdict_json
from harness.live.toxiproxy import provision
from harness.report import JudgedRun
from harness.report.junit import junit
from harness.report.notebook import write_report
from harness.scenario import Plan
from harness.store import RunFolder, latest


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: Where it is kept.
        run: What happened, its numbers and the answer.
        error: Why there is no answer: the harness itself failed, or somebody ended the run; else None.
    """

    folder: RunFolder
    run: JudgedRun
    error: HarnessError | None = None

    @property
    def exit_code(self) -> int:
        """Exit status of `harness run`."""
        return self.run.verdict.exit_code


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

    Raises:
        UsageError: The scenario or the chain is wrong, or an extra is not installed; nothing was started.
        HarnessError: No run could be begun, or what it left cannot be written.
    """
    if engine == Engine.LIVE:
        LIVE.need()
    loaded = prepare(scenario, Permission(os.environ, allow=allow_real), chain=chain, seed=seed, home=home)
    if engine == Engine.SIM:
        return _simulated(loaded, reports, progress, command)
    for notice in notices(loaded.chain):
        progress.say(notice)
    progress.phase("toxiproxy")
    binary = provision(progress.say)
    folder = RunFolder.create(reports, loaded.plan)
    error: HarnessError | None
    try:
        error = interruptible(carry_out(loaded, folder, binary=binary, progress=progress, command=command))
    except Interrupted as ended:
        error = ended
    return _conclude(loaded.plan, folder, error, progress)


def _simulated(loaded: Loaded, reports: Path, progress: Progress, command: str) -> RunResult:
    simulable(loaded.chain)
    folder = RunFolder.create(reports, loaded.plan)
    progress.phase("simulate")
    _history, error = simulate(loaded.plan, loaded.chain, folder, command=command)
    return _conclude(loaded.plan, folder, error, progress)


def report(path: Path | None, *, reports: Path, progress: Progress) -> RunResult:
    """Evaluate a saved run again and write its report.

    Args:
        path: The run's folder; None for the latest in `reports`.
        reports: Folder of all runs.
        progress: Told about each phase.

    Raises:
        UsageError: There is no such run, or what makes its page is not installed.
    """
    REPORT.need()
    folder = RunFolder.open(path or latest(reports))
    progress.say(f"judging {folder.path}")
    try:
        result = judge_run(folder.plan(), folder, folder.history(), None, progress)
        _render(result, progress)
    except OSError as problem:
        hint = "copy the folder to where you may write"
        raise UsageError(problem.strerror or str(problem), where=str(folder.path), hint=hint) from None
    return result


def _conclude(plan: Plan, folder: RunFolder, error: HarnessError | None, progress: Progress) -> RunResult:
    try:
        result = judge_run(plan, folder, folder.history(complete=error is None), error, progress)
        folder.publish()
    except (OSError, UsageError) as problem:
        # The first thing that went wrong is the one to report.
        raise error or HarnessError.wrapping(problem, where=str(folder.path)) from None
    if result.error is None:
        try:
            _render(result, progress)
        except (HarnessError, OSError) as problem:  # the verdict counts without its page
            progress.say(f"warning: {HarnessError.wrapping(problem, where=str(folder.path))}")
    return result


def judge_run(
    plan: Plan, folder: RunFolder, history: History, error: HarnessError | None, progress: Progress
) -> RunResult:
    """Judge a run and write down the answer.

    Args:
        plan: What was to happen.
        folder: The run's.
        history: What happened.
        error: Why it did not come to its planned end; None if it did.
        progress: Told about the phase.
    """
    progress.phase("judge")
    data = RunData.of(plan, history)
    metrics = measure(data)
    verdict = judge(data, metrics)
    if error is not None:  # whatever was seen until then, the run did not test what it claims
        reasons = (error.headline, *verdict.reasons)
        verdict = replace(verdict, status=Status.INCONCLUSIVE, exit_code=int(error.exit_code), reasons=reasons)
    folder.write_verdict(verdict_json(verdict), metrics_json(metrics))
    shown = JudgedRun.of(data, metrics=metrics, verdict=verdict, path=folder.path, environment=folder.environment())
    folder.write_junit(junit(shown))
    # A run that its budget ended has an answer, if one with little in it.
    return RunResult(folder=folder, run=shown, error=None if isinstance(error, BudgetReached) else error)


def _render(result: RunResult, progress: Progress) -> None:
    progress.phase("report")
    write_report(result.folder.path)
