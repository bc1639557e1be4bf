"""Run one scenario in virtual time for somebody who asks for the answer, not for a page: the pytest plugin."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.document import Document
from harness.engines import Quiet
from harness.errors import HarnessError
from harness.experiment.judging import RunResult, judge_run
from harness.experiment.prepare import prepare
from harness.experiment.real import Permission
from harness.experiment.sim_run import simulable, simulate
from harness.fork import in_fork
from harness.store import RunFolder


def trial(
    scenario: Path | Document,
    *,
    runs: Path,
    chain: Path | None = None,
    seed: int | None = None,
    command: str = "",
    home: ChainHome = AT_HOME,
) -> RunResult:
    """Run a scenario in virtual time and judge it; no page is made.

    Args:
        scenario: Its file, or what such a file would hold.
        runs: Folder in which the run gets one of its own.
        chain: In place of the scenario's.
        seed: In place of the scenario's.
        command: The command line that repeats it.
        home: Where the chain is to run, in place of what its file names.

    Raises:
        UsageError: The scenario or the chain is wrong, or only a live run can do this.
        HarnessError: The harness itself failed.
    """
    loaded = prepare(scenario, Permission(os.environ, allow=False), chain=chain, seed=seed, home=home)
    simulable(loaded.chain)
    folder = RunFolder.create(runs, loaded.plan)
    try:
        history, problem = in_fork(partial(simulate, loaded.plan, loaded.chain, folder, command=command))
    except KeyboardInterrupt:  # half a run in virtual time is of no use: the same seed gives it again
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    if history is None:
        assert problem is not None
        raise problem
    try:
        return judge_run(loaded.plan, folder, history, None, Quiet())
    except OSError as unwritten:
        raise HarnessError.wrapping(unwritten, where=str(folder.path)) from None
