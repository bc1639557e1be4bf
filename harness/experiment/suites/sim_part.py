"""A process that simulates the runs of suites, replays and tunings, each in a fork of itself: `python -m harness.experiment.suites.sim_part`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from harness import part, sim
from harness.errors import HarnessError, UsageError
from harness.experiment.replays.playing import PlayPlan, played
from harness.experiment.sim_run import simulate
from harness.experiment.suites.judge_part import judged as judge_again
from harness.experiment.suites.judge_process import JudgeRun, judged
from harness.experiment.suites.sim_pool import Simulated, SimulateRun
from harness.experiment.tuning.trying import TryPlan, tried_plan
from harness.messages import Failed, Refused
from harness.sim.warm import in_fork_for
from harness.store import RunFolder


def main() -> int:
    """Simulate runs until standard input ends."""
    return part.answer({SimulateRun: simulated, JudgeRun: judge_again, PlayPlan: played, TryPlan: tried_plan})


def simulated(asked: SimulateRun) -> Simulated | Failed:
    """Simulate and judge one run."""
    try:
        sim.prepare(asked.chain)
        work = partial(_simulated, RunFolder.open(Path(asked.run)), asked)
        return in_fork_for(asked.chain, work, owner=sys.stdin.fileno())
    except Exception as bug:  # one run that cannot be judged must not take the others' answers with it
        return Failed(problem=HarnessError.wrapping(bug).headline)


def _simulated(folder: RunFolder, asked: SimulateRun) -> Simulated:
    plan = folder.plan()
    history, error = simulate(plan, asked.chain, folder, command=asked.command)
    try:
        answer = judged(plan, folder, folder.history() if history is None else history, error)
    except (OSError, UsageError) as problem:
        raise error or problem from None  # the first thing that went wrong is the one to report
    return Simulated(judged=answer, error=None if error is None else Refused.of(error))


if __name__ == "__main__":
    sys.exit(main())
