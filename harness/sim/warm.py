"""Forks that begin with a chain's imports done: however many runs there are, each library is imported once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.drivers.interpreter import is_own
from harness.errors import HarnessError
from harness.fork import Forker, freeze, in_fork, in_warm_fork
from harness.messages import Failed
from harness.sim import engine
from harness.sim.rows import prepare

T = TypeVar("T")

_KEPT_MAX = 4
"""So many chains keep a process of their own; the one that was not used for longest gives its up."""
_forkers: list[tuple[Chain, Forker | None]] = []
"""By chain, the last used one last. None for a chain whose libraries only a run itself can import."""


def in_fork_for(chain: Chain, work: Callable[[], T], *, owner: int | None = None) -> T:
    """Call a function in a fork of a process that has imported what a run on a chain needs; see `harness.fork.in_fork`.

    What a library reads when it is imported may be of one chain alone. Such a chain has a process of its own to fork from.

    Args:
        chain: The chain, which was prepared in this process.
        work: The function, which must be picklable.
        owner: As for `in_fork`.
    """
    freeze()
    if driver_of(chain).imports is None or not (chain.python is None or is_own(chain.python)):
        return in_warm_fork(work, owner=owner)
    forker = _forker(chain, owner)
    return in_fork(work, owner=owner) if forker is None else forker.run(work, owner=owner)


def answered(chain: Chain, work: Callable[[], T]) -> T | Failed:
    """Call a function as `in_fork_for` does, in a process that answers its owner; what one run meets is a failure of its own alone."""
    try:
        prepare(chain)
        return in_fork_for(chain, work, owner=sys.stdin.fileno())
    except Exception as bug:
        return Failed(problem=HarnessError.wrapping(bug).headline)


def _forker(chain: Chain, owner: int | None) -> Forker | None:
    known = next((each for each in _forkers if each[0] == chain), None)
    if known is not None:
        _forkers.remove(known)
        if known[1] is not None and known[1].ended:
            known[1].close()
            known = None
    if known is None:
        known = chain, _started(chain, owner)
    _forkers.append(known)
    for _, oldest in _forkers[:-_KEPT_MAX]:
        if oldest is not None:
            oldest.close()
    del _forkers[:-_KEPT_MAX]
    return known[1]


def _started(chain: Chain, owner: int | None) -> Forker | None:
    try:
        return Forker.start(partial(engine.import_libraries, chain), owner=owner)
    except Exception:  # each run meets it where it belongs, and names it
        return None
