"""A worker's process that searches: `python -m harness.experiment.cluster.search_part`, a part."""

from __future__ import annotations

import sys
import time
import traceback

from harness import part, sim
from harness.errors import HarnessError
from harness.experiment.cluster.messages import Searched, SearchNews, SearchSpace
from harness.experiment.searching import Confirmed, search
from harness.fork import in_fork
from harness.lines import write
from harness.live.worker_messages import Notice
from harness.messages import Refused

NEWS_S = 1.0
"""How often it says how far it is."""


def main() -> int:
    """Search until standard input ends."""
    return part.answer({SearchSpace: _answer})


def _answer(asked: SearchSpace) -> Searched | Refused:
    try:
        sim.prepare(asked.space.chain)
        return in_fork(lambda: _searched(asked), owner=sys.stdin.fileno())
    except HarnessError as error:
        return Refused.of(error)
    except Exception as bug:
        traceback.print_exception(bug)
        return Refused(problem=f"{type(bug).__name__}: {bug}", where="search", hint="a bug of the harness")


def _searched(asked: SearchSpace) -> Searched:
    began_s = said_s = time.monotonic()
    kept: list[Confirmed] = []

    def over(tried: int, _found: int) -> bool:
        nonlocal said_s
        if time.monotonic() - said_s >= NEWS_S:
            said_s = time.monotonic()
            _say(SearchNews(seed=asked.seed, tried=tried))
        return time.monotonic() - began_s >= asked.budget_s

    def found(confirmed: Confirmed) -> None:
        kept.append(confirmed)
        _say(SearchNews(seed=asked.seed, tried=0, found=confirmed))

    counts = search(asked.space, asked.properties, seed=asked.seed, over=over, found=found)
    return Searched(counts=counts, found=tuple(kept))


def _say(news: SearchNews) -> None:
    part.say(Notice(text=write(news).decode()))


if __name__ == "__main__":
    sys.exit(main())
