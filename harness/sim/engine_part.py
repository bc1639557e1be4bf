"""The engine as a child process, in the chain's own interpreter: `harness.sim.engine_part`, a part.

It does a chain's imports once, and forks for each run, so that no run meets what an earlier one left behind.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from harness import part
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.errors import HarnessError, UsageError
from harness.fork import freeze
from harness.lines import write
from harness.messages import AnswerTo, PrepareChain, Ready, Refused, RunPlan
from harness.provider.dialects import DIALECTS
from harness.provider.faults import FAULTS
from harness.registry import Registry
from harness.sim import engine
from harness.sim.warm import in_fork_for

A = TypeVar("A", PrepareChain, RunPlan)


def main() -> int:
    """Carry out plans until standard input ends."""
    return part.answer({PrepareChain: _answered(_prepared), RunPlan: _answered(_carried_out)})


def _answered(work: Callable[[A], object]) -> Callable[[A], object]:
    """Return a function that names the question before it answers."""

    def answer(asked: A) -> object:
        answer = work(asked)
        part.say(AnswerTo(token=asked.token))
        return answer

    return answer


def _prepared(asked: PrepareChain) -> Ready | Refused:
    try:
        engine.prepare(asked.chain)
    except HarnessError as error:
        return Refused.of(error)
    except BaseException as error:  # whatever a package does when it is imported
        traceback.print_exc()
        what = scrub(f"{type(error).__name__}: {error}", secrets(asked.chain, os.environ))
        problem = f"what the chain needs cannot be imported: {what}"
        return Refused.of(UsageError(problem, where=sys.executable))
    freeze()
    return Ready()


def _carried_out(asked: RunPlan) -> bytes | Refused:
    try:
        _check(asked)
        return in_fork_for(asked.chain, partial(_rows, asked), owner=sys.stdin.fileno())
    except HarnessError as error:
        return Refused.of(error)
    except Exception as bug:
        traceback.print_exception(bug)
        return Refused(problem=f"{type(bug).__name__}: {bug}", where="sim", hint="a bug of the harness")


def _check(asked: RunPlan) -> None:
    """Return if all that a plan names is declared here too.

    Raises:
        UsageError: It is not: the package that brings it is installed beside the harness only.
    """
    named: list[tuple[str, str, Registry[Any]]] = [
        *(("fault", window.inject.fault, FAULTS) for window in asked.plan.timeline.windows if window.inject.fault),
        *(("dialect", provider.dialect, DIALECTS) for provider in asked.chain.providers.values()),
    ]
    for kind, name, declared in named:
        if name not in declared:
            problem = f"{kind} {name!r} comes from a package that is not installed there"
            raise UsageError(problem, where=sys.executable, hint="install it in the chain's environment too")


def _rows(asked: RunPlan) -> bytes:
    return write(engine.run(asked.plan, asked.chain, optimised=asked.optimised, chain_seed=asked.chain_seed))


if __name__ == "__main__":
    sys.exit(main())
