"""A process that simulates a suite's runs, each in a fork of itself: `python -m harness.experiment.suites.sim_part`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from harness import part, sim
from harness.errors import HarnessError
from harness.experiment.sim_run import simulate
from harness.experiment.suites.judge_part import judged as judge_again
from harness.experiment.suites.judge_process import JudgeRun, judged
from harness.experiment.suites.sim_pool import Simulated, SimulateRun
from harness.messages import Failed
from harness.sim.warm import in_fork_for
from harness.store import RunFolder


def main() -> int:
    """Simulate runs until standard input ends."""
    return part.answer({SimulateRun: simulated, JudgeRun: judge_again})


def simulated(asked: SimulateRun) -> Simulated | Failed:
    """Simulate and judge one run."""
    try:
        sim.prepare(asked.chain)
        work = partial(_simulated, RunFolder.open(Path(asked.run)), asked)
        return in_fork_for(asked.chain, work, owner=sys.stdin.fileno())
    except Exception as bug:  # one run that cannot be judged must not take the others' answers with it
        problem = bug.problem if isinstance(bug, HarnessError) else f"{type(bug).__name__}: {bug}"
        return Failed(problem=problem)


def _simulated(folder: RunFolder, asked: SimulateRun) -> Simulated:
    plan = folder.plan()
    history, error = simulate(plan, asked.chain, folder, command=asked.command)
    if history is None:
        history = folder.history()
    answer = judged(plan, folder, history, error)
    if error is None:
        return Simulated(judged=answer)
    return Simulated(judged=answer, problem=error.problem, where=error.where, hint=error.hint)


if __name__ == "__main__":
    sys.exit(main())
