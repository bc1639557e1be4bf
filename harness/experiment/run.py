"""Run a scenario, judge what happened, keep it, report it."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from harness.chain.redact import scrub, secrets
from harness.drivers import host, priced
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.environment import environment
from harness.history import History
from harness.judge import Status, judge, measure, metrics_json, verdict_json
from harness.live import engine
from harness.live.toxiproxy import provision
from harness.report import Run
from harness.report.junit import junit
from harness.report.notebook import write_report
from harness.scenario import Plan
from harness.scenario.load import load
from harness.store import RunFolder, latest

T = TypeVar("T")


class Interrupted(HarnessError):  # noqa: N818 - not an error of anyone's
    """Somebody ended the run."""

    exit_code = ExitCode.INTERRUPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to.

    Attributes:
        folder: Where it is kept.
        run: What happened, its numbers and the answer.
        error: Why there is no answer: the harness itself failed, or somebody ended the run; else None.
    """

    folder: RunFolder
    run: Run
    error: HarnessError | None = None

    @property
    def exit_code(self) -> int:
        """Exit status of `harness run`."""
        return self.run.verdict.exit_code


def run(
    scenario: Path,
    *,
    reports: Path,
    progress: engine.Progress,
    chain: Path | None = None,
    seed: int | None = None,
    command: str = "",
) -> RunResult:
    """Run a scenario live.

    Args:
        scenario: Its file.
        reports: Folder of all runs.
        progress: Told about each phase.
        chain: In place of the scenario's.
        seed: In place of the scenario's.
        command: The command line that repeats this run, for the report.

    Raises:
        UsageError: The scenario or the chain is wrong; nothing was started.
        HarnessError: No run could be begun, or what it left cannot be written.
    """
    loaded = load(scenario, chain=chain, seed=seed, complete=priced)
    host(loaded.chain)  # what its driver cannot do, or a key that is not set, is said before anything is made
    progress.phase("toxiproxy")
    binary = provision(progress.say)
    folder = RunFolder.create(reports, loaded.plan)
    error: HarnessError | None = None
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        facts = environment(toxiproxy=f"{binary.version} ({binary.source})", command=command)
        folder.write_environment(facts)
        ran = _interruptible(engine.run(loaded.plan, loaded.chain, folder, binary, progress))
        folder.write_environment({**facts, "warnings": ran.warnings, "load": ran.load})
    except HarnessError as problem:
        error = problem
    except OSError as problem:  # a full disk, no more processes or descriptors
        error = HarnessError(problem.strerror or str(problem), where="runner")
    except Exception as bug:  # whatever was captured until then must still be kept
        (folder.logs / "runner.log").write_text(traceback.format_exc())
        error = HarnessError(
            f"{type(bug).__name__}: {bug}", where="runner", hint=f"a bug; see {folder.logs}/runner.log"
        )
    clean = partial(scrub, secrets=secrets(loaded.chain, os.environ))
    if error is not None and error.hint is not None:  # it may quote the last lines of a user's gateway
        error.hint = clean(error.hint)
    return _conclude(loaded.plan, folder, error, progress, clean=clean)


def report(path: Path | None, *, reports: Path, progress: engine.Progress) -> RunResult:
    """Judge a kept run anew and write its report.

    Args:
        path: The run's folder; None for the latest in `reports`.
        reports: Folder of all runs.
        progress: Told about each phase.

    Raises:
        UsageError: There is no such run.
    """
    folder = RunFolder.open(path or latest(reports))
    progress.say(f"judging {folder.path}")
    try:
        result = _judge(folder.plan(), folder, folder.history(), None, progress)
        _render(result, progress)
    except OSError as problem:
        hint = "copy the folder to where you may write"
        raise UsageError(problem.strerror or str(problem), where=str(folder.path), hint=hint) from None
    return result


def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end; the first signal that asks us to end cancels it, and its clean-up runs."""

    async def main() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            raise Interrupted("interrupted", hint="what was captured until then is kept") from None

    try:
        return asyncio.run(main())
    finally:
        signal.signal(signal.SIGTERM, _interrupt)  # the loop has put the default back


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _conclude(
    plan: Plan, folder: RunFolder, error: HarnessError | None, progress: engine.Progress, *, clean: Callable[[str], str]
) -> RunResult:
    try:
        folder.rewrite_logs(clean)
        result = _judge(plan, folder, folder.compact(complete=error is None), error, progress)
        folder.publish()
    except OSError as problem:
        if error is not None:
            raise error from None  # the first thing that went wrong is the one to tell
        raise HarnessError(problem.strerror or str(problem), where=str(folder.path)) from None
    if error is None:
        try:
            _render(result, progress)
        except HarnessError as problem:  # the verdict stands without its page
            progress.say(f"warning: {problem}")
    return result


def _judge(
    plan: Plan, folder: RunFolder, history: History, error: HarnessError | None, progress: engine.Progress
) -> RunResult:
    progress.phase("judge")
    metrics = measure(plan, history)
    verdict = judge(plan, history, metrics)
    if error is not None:  # whatever was seen until then, the run did not test what it claims
        where = f"{error.where}: " if error.where else ""
        reasons = (f"{where}{error.problem}", *verdict.reasons)
        verdict = replace(verdict, status=Status.INCONCLUSIVE, exit_code=int(error.exit_code), reasons=reasons)
    folder.write_verdict(verdict_json(verdict), metrics_json(metrics))
    shown = Run.of(plan, history, metrics=metrics, verdict=verdict, path=folder.path, environment=folder.environment())
    folder.write_junit(junit(shown))
    return RunResult(folder=folder, run=shown, error=error)


def _render(result: RunResult, progress: engine.Progress) -> None:
    progress.phase("report")
    write_report(result.folder.path)
