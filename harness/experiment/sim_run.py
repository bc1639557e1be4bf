"""Carry one plan out in virtual time."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness import sim
from harness.chain import Chain
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.chain.upstream import upstream_addresses
from harness.errors import HarnessError, UsageError
from harness.experiment.environment import environment
from harness.scenario import Plan

if TYPE_CHECKING:
    from harness.history import History
    from harness.store import RunFolder


def simulate(
    plan: Plan,
    chain: Chain,
    folder: RunFolder,
    *,
    command: str,
    carry_out: Callable[[], sim.SimResult] | None = None,
    began_s: float | None = None,
) -> tuple[History | None, HarnessError | None]:
    """Run a plan in virtual time; return its history, which lies in the folder too, or why it has none.

    Args:
        plan: What to do.
        chain: With its secrets.
        folder: Of this run.
        command: The command line that repeats this run, for the report.
        carry_out: Returns what became of the plan, where that is found out elsewhere; it is carried out here if None.
        began_s: When that began, in seconds of the monotonic clock; now if None.
    """
    began_s = time.monotonic() if began_s is None else began_s
    try:
        return _simulated(chain, folder, command, carry_out or (lambda: sim.run(plan, chain)), began_s)
    except OSError as problem:  # of the folder's files
        return None, HarnessError.wrapping(problem, where=str(folder.path))


def _simulated(
    chain: Chain, folder: RunFolder, command: str, carry_out: Callable[[], sim.SimResult], began_s: float
) -> tuple[History | None, HarnessError | None]:
    facts = environment(command=command, chain=chain)
    hidden = secrets(chain, os.environ)
    folder.write_environment(facts)
    try:
        ran = carry_out()
    except HarnessError as problem:
        problem.hide(lambda text: scrub(text, hidden))
        return None, problem
    except Exception as bug:
        (folder.logs / "runner.log").write_text(scrub(traceback.format_exc(), hidden))
        problem_text = scrub(f"{type(bug).__name__}: {bug}", hidden)
        return None, HarnessError(problem_text, where="sim", hint=f"a bug; see {folder.logs}/runner.log")
    folder.write_history(ran.history)
    wall_s = round(time.monotonic() - began_s, 3)
    folder.write_environment({**facts, "wall_s": wall_s, "warnings": [scrub(text, hidden) for text in ran.warnings]})
    return ran.history, None


def simulable(chain: Chain) -> None:
    """See that a run in virtual time can be what it claims.

    Raises:
        UsageError: Only a live run can do this.
    """
    sim.prepare(chain)
    mocked(chain)


def mocked(chain: Chain) -> None:
    """See that none of a chain's providers is a real one.

    Raises:
        UsageError: One is.
    """
    if found := upstream_addresses(chain):
        raise UsageError(
            f"{next(iter(found))} is a real provider, and nothing real happens in virtual time",
            where="upstream",
            hint="run it live (--engine live), or take `upstream:` out of the chain",
        )
