"""What one chain does and another does not: both carry out the same plans in virtual time, each with random draws of its own."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from harness import sim
from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.errors import HarnessError, UsageError, raise_errors
from harness.experiment.environment import cores
from harness.experiment.files import scenario_files
from harness.experiment.prepare import Loaded, load
from harness.judge import RunData, judge
from harness.judge.comparison.behaviour import (
    RUNS,
    TRENDS,
    Behaviour,
    Effect,
    FactKind,
    behaviour_of,
    effects,
    trend_of,
    undecided,
)
from harness.judge.properties.bounded_latency import default_deadline_ns
from harness.report.chain_comparison import NotCompared
from harness.scenario import Plan, Scenario, compile_plan
from harness.scenario.shipped import named
from harness.sim.search import FaultSchedule, Space
from harness.sim.search.describe import faults_of
from harness.sim.search.sweep import smaller, sweep

_PAIRS_MAX = 4
"""How many pairs of engines there are at most: each has a library of its own in memory."""
_REQUESTS_MAX = 50
"""About how many requests a scenario has here; where it has more, its rate is lower."""
_SEEDS = range(1, RUNS + 1)
_CONFIRM = range(RUNS + 1, 2 * RUNS + 1)
"""Chain seeds by which a difference must show again before it is reported."""

_EffectKey = tuple[FactKind, str, bool]
"""See `Effect.key`."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSide:
    """One of the two that are compared.

    Attributes:
        path: The chain's file.
        home: Where it is to run, in place of what the file says.
    """

    path: Path
    home: ChainHome = AT_HOME

    @property
    def name(self) -> str:
        """What people call it."""
        return f"LiteLLM {self.home.litellm}" if self.home.litellm else str(self.path)


@dataclass(slots=True)
class FoundIn:
    """Where a difference was found."""

    timelines: list[FaultSchedule] = field(default_factory=list)
    scenarios: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAgain:
    """A difference that shows again by other random draws of the chains.

    Attributes:
        effects: What differs.
        places: Where it was found.
        timeline: The smallest timeline that shows it; None if only scenario files do.
        scenario: The same as a scenario.
        file: The scenario file that shows it, where no timeline does.
    """

    effects: tuple[Effect, ...]
    places: FoundIn
    timeline: FaultSchedule | None = None
    scenario: Scenario | None = None
    file: Path | None = None


class ChainDifferences:
    """A search for what differs between two chains.

    Args:
        sides: What both are called, and where they are.
        both: Both chains, with their environments built.
        seed: Fixes the order in which timelines are tried.

    Attributes:
        compared: How many scenarios both ran.
        tried: How many timelines.
        unconfirmed: How many differences did not show again by other random draws.
        not_compared: What was not compared, and why.

    Raises:
        UsageError: The chains have no provider in common.
    """

    def __init__(self, sides: tuple[ChainSide, ChainSide], both: tuple[Chain, Chain], *, seed: int) -> None:
        old, new = both
        shared = tuple(name for name in old.names if name in new.providers)
        if not shared:
            known = f"{', '.join(old.names)}; {', '.join(new.names)}"
            raise UsageError("the two chains have no provider in common", where=str(sides[1].path), known=known)
        deadline_ns = max(default_deadline_ns(chain, len(chain.names)) for chain in both)
        self.compared = 0
        self.tried = 0
        self.unconfirmed = 0
        self.not_compared: list[NotCompared] = []
        self._sides = sides
        self._chains = both
        self._spaces = tuple(
            Space(chain=chain, providers=shared, faults_max=2, deadline_ns=deadline_ns, seed=seed) for chain in both
        )
        self._plans: dict[Path, tuple[Plan, Plan]] = {}
        self._found: dict[_EffectKey, FoundIn] = defaultdict(FoundIn)
        self._confirmed: dict[_EffectKey, ShownAgain | None] = {}
        self._free: SimpleQueue[tuple[sim.ChainEngine, sim.ChainEngine]] = SimpleQueue()
        self._started: list[sim.ChainEngine] = []
        self._threads: ThreadPoolExecutor

    @contextmanager
    def engines(self) -> Iterator[None]:
        """Start the engines, two for each core, and end them on leaving."""
        pairs = min(cores(), _PAIRS_MAX)
        self._threads = ThreadPoolExecutor(pairs)
        try:
            for pair in self._threads.map(lambda _place: self._start(), range(pairs)):
                self._free.put(pair)
            yield
        finally:
            self._end()  # so that no thread waits for a run any longer
            self._threads.shutdown(cancel_futures=True)
            self._end()  # what a thread has started in the meantime

    def search(self, budget_s: float) -> None:
        """Try timelines of faults until the time is used up, in seconds."""
        end_s = time.monotonic() + budget_s
        seen: set[FaultSchedule] = set()

        def fresh() -> Iterator[FaultSchedule]:
            for timeline in sweep(self._spaces[0]):
                if time.monotonic() >= end_s:
                    return
                if timeline not in seen:
                    seen.add(timeline)
                    yield timeline

        for timeline, found in self._each(self._in_timeline, fresh()):
            if isinstance(found, HarnessError):
                self.not_compared.append(NotCompared(what=faults_of(timeline), why=str(found)))
                continue
            self.tried += 1
            for key in _keys(found):
                self._found[key].timelines.append(timeline)

    def run_scenarios(self, paths: Sequence[Path], progress: Callable[[int, int], None]) -> None:
        """Run the scenarios that fit both chains.

        Args:
            paths: Scenario files and folders, or names of shipped ones.
            progress: Told how many are done, of how many.
        """
        errors: dict[str, HarnessError] = {}
        files = scenario_files(paths, errors)
        raise_errors(errors.values())
        for file in files:
            try:
                old, new = (_thinned(load(file, chain=side.path, home=side.home)) for side in self._sides)
            except HarnessError as error:
                self.not_compared.append(NotCompared(what=named(file), why=str(error), fits=False))
                continue
            self._plans[file] = old, new
        known = [key for key, confirmed in self._confirmed.items() if confirmed is not None]
        results = self._each(lambda file: self._differing(self._plans[file], known=known), self._plans)
        for done, (file, found) in enumerate(results, 1):
            progress(done, len(self._plans))
            if isinstance(found, HarnessError):
                self.not_compared.append(NotCompared(what=named(file), why=str(found)))
                continue
            self.compared += 1
            for key in _keys(found):
                self._found[key].scenarios.append(file)

    def confirm(self) -> None:
        """Look for the smallest timeline of each difference that is new, and see whether it shows again."""
        fresh = [key for key in self._found if key not in self._confirmed]
        for key, confirmed in self._each(self._shown_again, fresh):
            self._confirmed[key] = None if isinstance(confirmed, HarnessError) else confirmed
            self.unconfirmed += self._confirmed[key] is None

    def confirmed(self) -> list[ShownAgain]:
        """Return each difference that showed again, what is worse first."""
        found = [each for each in self._confirmed.values() if each is not None]
        return sorted(found, key=lambda each: (TRENDS.index(trend_of(each.effects)), str(each.effects[0].key)))

    def _shown_again(self, key: _EffectKey) -> ShownAgain | None:
        """Return a difference by the smallest timeline that shows it, or if none does, by a scenario; None if chance made it."""
        places = self._found[key]
        if places.timelines:
            first = min(places.timelines, key=lambda timeline: timeline.size)
            smallest = smaller(
                self._spaces[0], first, lambda timeline: key in _keys(self._in_timeline(timeline)), same_faults=True
            )
            for timeline in dict.fromkeys((smallest, first)):
                found = self._in_timeline(timeline, seeds=_CONFIRM)
                if key in _keys(found):
                    scenario = self._spaces[0].scenario(timeline)
                    return ShownAgain(effects=found, places=places, timeline=timeline, scenario=scenario)
        for file in places.scenarios:
            found = self._differing(self._plans[file], seeds=_CONFIRM)
            if key in _keys(found):
                return ShownAgain(effects=found, places=places, file=file)
        return None

    def _in_timeline(self, timeline: FaultSchedule, seeds: Iterable[int] = _SEEDS) -> tuple[Effect, ...]:
        old, new = (space.plan(timeline) for space in self._spaces)
        return self._differing((old, new), seeds=seeds)

    def _differing(
        self, plans: tuple[Plan, Plan], *, seeds: Iterable[int] = _SEEDS, known: Collection[_EffectKey] = ()
    ) -> tuple[Effect, ...]:
        """Run both chains, and return what differs.

        Args:
            plans: The same for both chains.
            seeds: Of the chains.
            known: Differences that are not worth more runs.

        Raises:
            HarnessError: A run failed, or not all of it was recorded.
        """
        engines = self._free.get()
        runs: tuple[list[Behaviour], list[Behaviour]] = [], []
        try:
            for seed in seeds:
                for engine, plan, side, done in zip(engines, plans, self._sides, runs, strict=True):
                    done.append(_behaviour(engine, plan, seed, side))
                if _settled(runs, known):
                    return ()
        finally:
            self._free.put(engines)
        return effects(*runs)

    def _each(self, work: Callable[[T], R], todo: Iterable[T]) -> Iterator[tuple[T, R | HarnessError]]:
        """Yield each thing with its result, as they come. A thing is asked for only when somebody can begin it."""
        coming = iter(todo)
        running: dict[Future[R], T] = {}
        width = self._free.qsize() + 1
        while True:
            running.update((self._threads.submit(work, each), each) for each in islice(coming, width - len(running)))
            if not running:
                return
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                each = running.pop(done)
                try:
                    yield each, done.result()
                except HarnessError as error:
                    yield each, error

    def _start(self) -> tuple[sim.ChainEngine, sim.ChainEngine]:
        old, new = (self._own(sim.ChainEngine(chain)) for chain in self._chains)
        return old, new

    def _own(self, engine: sim.ChainEngine) -> sim.ChainEngine:
        self._started.append(engine)
        return engine

    def _end(self) -> None:
        for engine in self._started:
            engine.end()


def _thinned(loaded: Loaded) -> Plan:
    """Return the plan of a scenario with fewer requests at the same times, if it has many: as much shows, in less time."""
    fewer = loaded.scenario.load.times(min(1.0, _REQUESTS_MAX / max(1, len(loaded.plan.arrivals))))
    scenario = replace(loaded.scenario, load=fewer)
    return compile_plan(scenario, loaded.chain, loaded.plan.expectations)


def _behaviour(engine: sim.ChainEngine, plan: Plan, seed: int, side: ChainSide) -> Behaviour:
    """Return what a chain does in a run.

    Raises:
        HarnessError: The run failed, or not all of it was recorded.
    """
    try:
        history = engine.run(plan, chain_seed=seed).history
    except HarnessError as error:
        raise HarnessError(f"{side.name}: {error.problem}", where=error.where, hint=error.hint) from None
    if history.lost:
        raise HarnessError(f"{side.name}: {history.lost} records of attempts are missing")
    run = RunData.of(plan, history)
    return behaviour_of(run, judge(run))


def _settled(runs: tuple[list[Behaviour], list[Behaviour]], known: Collection[_EffectKey]) -> bool:
    """Return whether more runs are not worth their time: the first of each shows nothing new, or those so far decide."""
    if len(runs[0]) == 1:
        return all(key in known for key in _keys(effects(*runs)))
    return not undecided(*runs)


def _keys(found: Sequence[Effect]) -> tuple[_EffectKey, ...]:
    """Return what a scenario shows: its first effect, of which the others are consequences as a rule."""
    return tuple(each.key for each in found[:1])
