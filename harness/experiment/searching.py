"""One search through a space, in this process: each find is confirmed in a fresh one before it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from harness import sim
from harness.fork import pristine
from harness.judge import RunData, Status, judge
from harness.judge.grammar import parse
from harness.judge.properties import PROPERTIES, SearchRun
from harness.scenario import Inject, compile_plan
from harness.sim.search import Find, Hunt, Space, long_enough, search_run_of, try_schedule
from harness.sim.search.describe import describe


class Confirmed(NamedTuple):
    """A find that shows in a fresh process.

    Attributes:
        find: The find, with a schedule that is long enough for its expectations.
        sentence: What happens, as a person would say it.
        expect: The expectations that fail.
    """

    find: Find
    sentence: str
    expect: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCounts:
    """What a search tried.

    Attributes:
        tried: How many timelines were run.
        retracted: How many finds did not show again in a fresh process, and so are none.
        lucky: How many finds showed with some random numbers of the chain only, and so are none.
        streamed: How many of the timelines asked for streams.
        untried: The faults that no timeline had, with their providers.
    """

    tried: int = 0
    retracted: int = 0
    lucky: int = 0
    streamed: int = 0
    untried: tuple[tuple[str, Inject], ...] = ()


def search(
    space: Space,
    properties: Sequence[str],
    *,
    seed: int,
    over: Callable[[int, int], bool],
    found: Callable[[Confirmed], None],
    database: Path | None = None,
) -> SearchCounts:
    """Search until it is over or nothing is left to try.

    Args:
        space: What is searched.
        properties: Names of those to break.
        seed: Fixes what is tried, and in which order.
        over: Whether to end; asked before each run, with the number of runs and of finds so far.
        found: Called with each find at once.
        database: Folder of what broke a property in an earlier search, which is tried first; None keeps nothing.
    """
    retracted = lucky = 0
    with pristine() as clean:
        hunt = Hunt(
            space,
            properties=properties,
            seed=seed,
            over=lambda: over(hunt.tried, len(hunt.finds)),
            database=database,
        )
        for each in hunt.run():
            # A library may keep something from run to run: what shows only after other runs is the harness's fault.
            confirmed = clean.run(_confirm, each, space)
            if confirmed is None:
                retracted += 1
                hunt.retract(each, partial(clean.run, try_schedule))
                continue
            if not confirmed.find.steady:
                lucky += 1
                hunt.drop(each)
                continue
            found(confirmed)
    return SearchCounts(
        tried=hunt.tried, retracted=retracted, lucky=lucky, streamed=hunt.streamed, untried=tuple(hunt.untried())
    )


def _confirm(find: Find, space: Space) -> Confirmed | None:
    """Run a find again, and return what it comes to; None if the property holds."""
    schedule, run = long_enough(space, find.schedule, search_run_of(space, find.schedule), find.name)
    shown = PROPERTIES[find.name].check(run)
    if not shown:
        return None
    other = search_run_of(space, schedule, chain_seed=space.seed + 1)
    steady = find.steady and bool(PROPERTIES[find.name].check(other))
    find = replace(find, schedule=schedule, requests=shown, steady=steady)
    return Confirmed(find, describe(find.name, run, shown), _expected(find, space, run))


def _expected(find: Find, space: Space, run: SearchRun) -> list[str]:
    """Return the expectations that say of this run what the property says of all: those that the verdict finds failed."""
    texts = PROPERTIES[find.name].expectations(run, find.requests)
    phases = space.phases(find.schedule)
    plan = compile_plan(space.scenario(find.schedule), space.chain, tuple(parse(text, phases) for text in texts))
    verdict = judge(RunData.of(plan, sim.run(plan, space.chain).history))
    return [row.text for row in verdict.expectations if row.status is Status.FAIL]
