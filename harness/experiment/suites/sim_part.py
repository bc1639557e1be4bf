"""A process that simulates a suite's runs, each in a fork of itself: `python -m harness.experiment.suites.sim_part`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from harness import part, sim
from harness.chain import Chain
from harness.errors import HarnessError
from harness.experiment.fork import in_fork
from harness.experiment.sim_run import simulate
from harness.experiment.suites.judge_part import judged as judge_again
from harness.experiment.suites.judge_process import JudgeRun, judged
from harness.experiment.suites.sim_pool import Simulated, SimulateRun
from harness.messages import Failed
from harness.store import RunFolder


def main() -> int:
    """Simulate runs until standard input ends."""
    return part.answer({SimulateRun: simulated, JudgeRun: judge_again})


def simulated(asked: SimulateRun) -> Simulated | Failed:
    """Simulate and judge one run."""
    try:
        _prepare(asked.chain)
        answer, imported = in_fork(partial(_simulated, RunFolder.open(Path(asked.run)), asked))
        _import(imported)
    except Exception as bug:  # one run that cannot be judged must not take the others' answers with it
        problem = bug.problem if isinstance(bug, HarnessError) else f"{type(bug).__name__}: {bug}"
        return Failed(problem=problem)
    return answer


def _prepare(chain: Chain) -> None:
    """Import what a run on a chain needs: no fork pays for it again."""
    sim.prepare(chain)
    _freeze(len(sys.modules))


@cache
def _freeze(_modules: int) -> None:
    """Leave what was imported alone, so that collections in forks copy no pages; once for each number of modules."""
    gc.collect()
    gc.freeze()


def _import(names: Iterable[str]) -> None:
    """Import what a run imported late, for the runs to come: libraries import parts of themselves with their first call.

    Only parts of packages that this process has already: a chain's own modules may be imported only as its run does it.
    """
    for name in names:
        if name.partition(".")[0] in sys.modules:
            with contextlib.suppress(Exception):  # its run could import it; what runs do not share is no one's fault
                importlib.import_module(name)


def _simulated(folder: RunFolder, asked: SimulateRun) -> tuple[Simulated, list[str]]:
    """Return a run's answer, and the modules that it imported."""
    before = set(sys.modules)
    answer = _answer(folder, asked)
    return answer, [name for name in sys.modules if name not in before]


def _answer(folder: RunFolder, asked: SimulateRun) -> Simulated:
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
