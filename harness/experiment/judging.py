"""Judge a run that has come to its end, and write down the answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.engines import BudgetReached, Progress
from harness.errors import HarnessError
from harness.history import History
from harness.judge import RunData, Status, judge, measure, metrics_json, verdict_json
from harness.report import JudgedRun
from harness.report.junit import junit
from harness.scenario import Plan
from harness.store import RunFolder
from harness.watch import exposition
from harness.watch.exposition import RunCounts
from harness.watch.finished import counts_of


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
    try:
        counted = RunCounts(scenario=plan.name, chain=plan.chain.name, counts=counts_of(data))
        folder.write_prometheus(exposition.text([counted]))
    except OSError as problem:  # the verdict counts without it
        progress.say(f"warning: {HarnessError.wrapping(problem, where=str(folder.path))}")
    shown = JudgedRun.of(data, metrics=metrics, verdict=verdict, path=folder.path, environment=folder.environment())
    folder.write_junit(junit(shown))
    # A run that its budget ended has an answer, if one with little in it.
    return RunResult(folder=folder, run=shown, error=None if isinstance(error, BudgetReached) else error)
