"""Carry one plan out in virtual time."""

from __future__ import annotations

import os
import traceback

from harness import sim
from harness.chain.redact import scrub, secrets
from harness.chain.upstream import real
from harness.errors import HarnessError, UsageError
from harness.experiment.environment import environment
from harness.scenario.load import Loaded
from harness.store import RunFolder


def simulate(loaded: Loaded, folder: RunFolder, *, command: str) -> HarnessError | None:
    """Run a plan in virtual time; return why it did not come to its planned end, or None. Its history lies in the folder.

    Args:
        loaded: What to do, and the chain with its secrets.
        folder: Of this run.
        command: The command line that repeats this run, for the report.
    """
    facts = environment(command=command)
    folder.write_environment(facts)
    try:
        ran = sim.run(loaded.plan, loaded.chain)
    except HarnessError as problem:
        return problem
    except Exception as bug:
        told = scrub(traceback.format_exc(), secrets(loaded.chain, os.environ))
        (folder.logs / "runner.log").write_text(told)
        return HarnessError(f"{type(bug).__name__}: {bug}", where="sim", hint=f"a bug; see {folder.logs}/runner.log")
    folder.keep(ran.history)
    folder.write_environment({**facts, "warnings": ran.warnings})
    return None


def simulable(loaded: Loaded) -> None:
    """See that a run in virtual time can be what it claims.

    Raises:
        UsageError: Only a live run can do this.
    """
    sim.prepare(loaded.chain)
    if found := real(loaded.chain):
        raise UsageError(
            f"{next(iter(found))} is a real provider, and nothing real happens in virtual time",
            where="upstream",
            hint="--engine live, or a chain without `upstream:`",
        )
