"""The engine as a child process, in the chain's own interpreter: `harness.sim.engine_part`, a part.

It does a chain's imports once, and forks for each run, so that no run meets what an earlier one left behind.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from harness import part
from harness.errors import HarnessError, UsageError
from harness.fork import freeze, in_warm_fork
from harness.messages import AnswerTo, PrepareChain, Ready, Refused, RunPlan, write
from harness.sim import engine

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
        problem = f"what the chain needs cannot be imported: {type(error).__name__}: {error}"
        return Refused.of(UsageError(problem, where=sys.executable))
    freeze()
    return Ready()


def _carried_out(asked: RunPlan) -> bytes | Refused:
    try:
        return in_warm_fork(partial(_rows, asked), owner=sys.stdin.fileno())
    except HarnessError as error:
        return Refused.of(error)
    except Exception as bug:
        traceback.print_exception(bug)
        return Refused(problem=f"{type(bug).__name__}: {bug}", where="sim", hint="a bug of the harness")


def _rows(asked: RunPlan) -> bytes:
    return write(engine.run(asked.plan, asked.chain, optimised=asked.optimised))


if __name__ == "__main__":
    sys.exit(main())
