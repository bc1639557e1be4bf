"""One run of a schedule, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from harness.judge.properties import PROPERTIES, SearchRun
from harness.scenario import Plan
from harness.sim import runs
from harness.sim.search.space import FaultSchedule, Space


class TrialResult(NamedTuple):
    """What a run came to.

    Attributes:
        broken: The properties that do not hold, with the requests that show it.
        slowest_s: How long its slowest request took, in seconds.
        most: How many attempts its busiest request made.
    """

    broken: dict[str, tuple[str, ...]]
    slowest_s: float
    most: int


def try_schedule(
    space: Space, schedule: FaultSchedule, properties: Sequence[str], *, seed: int | None = None
) -> TrialResult:
    """Run a schedule, with the space's own seed or with another, and return what it came to.

    Args:
        space: Where it is from.
        schedule: What to run.
        properties: Names of those that are looked at.
        seed: In place of the space's.
    """
    run = search_run_of(space, schedule, seed=seed)
    runs = {name: long_enough(space, schedule, run, name, seed=seed)[1] for name in properties}
    shown = {name: ids for name in properties if (ids := PROPERTIES[name].check(runs[name]))}
    slowest_ns = max(((each.end_ns or run.end_ns) - each.scheduled_ns for each in run.requests), default=0)
    return TrialResult(shown, slowest_ns / 1e9, max((len(tried) for tried in run.of.values()), default=0))


def long_enough(
    space: Space, schedule: FaultSchedule, run: SearchRun, name: str, *, seed: int | None = None
) -> tuple[FaultSchedule, SearchRun]:
    """Return a schedule with as many more callers as are needed to decide whether a property holds, and its run.

    Args:
        space: Where it is from.
        schedule: The schedule.
        run: Its run.
        name: The property's.
        seed: In place of the space's.
    """
    missing = PROPERTIES[name].callers_missing(run)
    if not missing:
        return schedule, run
    longer = replace(schedule, after=(space.after if schedule.after is None else schedule.after) + missing)
    return longer, search_run_of(space, longer, seed=seed)


def search_run_of(
    space: Space, schedule: FaultSchedule, *, seed: int | None = None, chain_seed: int | None = None
) -> SearchRun:
    """Run a schedule, and return what the properties look at.

    Args:
        space: Where it is from.
        schedule: What to run.
        seed: In place of the space's.
        chain_seed: Fixes the random draws of the chain; if None, the other seed does.
    """
    return search_run_of_plan(space, space.plan(schedule, seed=seed), chain_seed=chain_seed)


def search_run_of_plan(space: Space, plan: Plan, *, chain_seed: int | None = None) -> SearchRun:
    """Run a plan of a space, and return what the properties look at; see `search_run_of`."""
    requests, attempts = runs.records(plan, space.chain, chain_seed=chain_seed)
    return SearchRun(
        requests=requests,
        attempts=attempts,
        windows=plan.timeline.windows,
        chain=space.chain,
        orders={each.request_id: plan.orders[each.part] for each in plan.arrivals},
        facts=plan.facts,
        providers=space.providers,
        deadline_ns=space.deadline_ns,
        end_ns=plan.end_ns,
    )
