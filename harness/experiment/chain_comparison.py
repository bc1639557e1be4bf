"""Compare two chains, or one chain in two versions of LiteLLM: what does each do that the other does not?

Both carry out the same plans in virtual time: the shipped scenarios, then timelines of faults that a search tries. Each
difference is shown by the smallest timeline that was found.
"""

from __future__ import annotations

import os
import shlex
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeVar

from harness import chain as chains
from harness import sim
from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.drivers.built import settled
from harness.errors import HarnessError, UsageError
from harness.experiment.environment import cores
from harness.experiment.files import FileKind, files_in
from harness.experiment.prepare import load
from harness.experiment.sim_run import mocked
from harness.judge import RunData, judge
from harness.judge.comparison.behaviour import (
    RUNS,
    Behaviour,
    Effect,
    FactKind,
    behaviour_of,
    effects,
    trend_of,
    undecided,
)
from harness.judge.comparison.changes import Trend
from harness.judge.properties.bounded_latency import default_deadline_ns
from harness.report.chain_comparison import BehaviourChange, ComparedChains, NotCompared, html
from harness.scenario import Plan, Scenario
from harness.scenario.shipped import existing, named
from harness.sim.search import FaultSchedule, Space
from harness.sim.search.sweep import smaller, sweep
from harness.sim.search.to_yaml import to_yaml
from harness.store import ComparisonFolder

SCENARIOS = (Path("smoke"), Path("catalogue"))
SEARCH_S = 90.0
"""How long timelines are tried, in seconds."""
_PAIRS_MAX = 4
"""How many pairs of engines there are at most: each has a library of its own in memory."""
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


class ComparisonProgress(Protocol):
    """Told how far a comparison is."""

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work."""

    def count(self, done: int, total: int) -> None:
        """Set how many runs of a part are done."""


@dataclass(frozen=True, slots=True)
class _DifferenceIn:
    """What a scenario or a timeline shows, or why it shows nothing."""

    what: Path | FaultSchedule
    effects: tuple[Effect, ...] = ()
    problem: str = ""


@dataclass(slots=True)
class _FoundIn:
    """One difference, and where it was found."""

    timelines: list[FaultSchedule] = field(default_factory=list)
    scenarios: list[Path] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ShownAgain:
    """A difference that shows again by other random draws of the chains.

    Attributes:
        effects: What differs.
        group: Where it was found.
        timeline: The smallest timeline that shows it; None if only scenario files do.
        scenario: The same as a scenario.
        file: The scenario file that shows it, where no timeline does.
    """

    effects: tuple[Effect, ...]
    group: _FoundIn
    timeline: FaultSchedule | None = None
    scenario: Scenario | None = None
    file: Path | None = None


def compare_chains(
    before: ChainSide,
    after: ChainSide,
    *,
    reports: Path,
    progress: ComparisonProgress,
    command: str = "",
    scenarios: Sequence[Path] = SCENARIOS,
    search_s: float = SEARCH_S,
    seed: int = 1,
) -> ComparedChains:
    """Return what differs between two chains, and keep it as a page with a scenario for each difference.

    Args:
        before: The first.
        after: The second.
        reports: Folder of all runs.
        progress: Told how far it is.
        command: The command line that repeats this comparison.
        scenarios: Scenario files and folders that both run, or names of shipped ones.
        search_s: How long to try timelines of faults, in seconds.
        seed: Fixes the order in which they are tried.

    Raises:
        UsageError: A file is wrong, or only a live run can host one of the chains.
        HarnessError: An environment cannot be built, or the result cannot be written.
    """
    progress.phase("environments")
    sides = tuple(settled(side.home.of(chains.load(side.path))) for side in (before, after))
    for chain in sides:
        mocked(chain)
    folder = ComparisonFolder.create(reports)
    with _ChainComparison(before, after, sides[0], sides[1], progress, seed=seed).opened() as comparison:
        progress.phase("search", search_s)
        comparison.search(search_s)
        progress.phase("smallest timelines")
        comparison.confirm()
        progress.phase("scenarios")
        comparison.run_scenarios(scenarios)
        progress.phase("smallest timelines")
        comparison.confirm()
        found = comparison.changes()
    changes = tuple(_change(each, number, folder, (before, after)) for number, each in enumerate(found, 1))
    compared = ComparedChains(
        page=folder.page,
        before=before.name,
        after=after.name,
        chain=sides[1].name,
        command=command,
        changes=changes,
        scenarios=comparison.compared,
        timelines=comparison.tried,
        unconfirmed=comparison.unconfirmed,
        not_compared=tuple(comparison.not_compared),
    )
    scenarios_of = {change.smallest: change.yaml for change in changes if change.smallest.parent == folder.path}
    folder.write(compared.as_json(), scenarios=scenarios_of, html=html(compared))
    return compared


class _ChainComparison:
    """Both chains, and what was found so far."""

    def __init__(
        self, before: ChainSide, after: ChainSide, old: Chain, new: Chain, progress: ComparisonProgress, *, seed: int
    ) -> None:
        shared = tuple(name for name in old.names if name in new.providers)
        if not shared:
            known = f"{', '.join(old.names)}; {', '.join(new.names)}"
            raise UsageError("the two chains have no provider in common", where=str(after.path), known=known)
        deadline_ns = max(default_deadline_ns(chain, len(chain.names)) for chain in (old, new))
        self._sides = before, after
        self._chains = old, new
        self._spaces = tuple(
            Space(chain=chain, providers=shared, faults_max=2, deadline_ns=deadline_ns, seed=seed)
            for chain in (old, new)
        )
        self._progress = progress
        self._plans: dict[Path, tuple[Plan, Plan]] = {}
        self._groups: dict[_EffectKey, _FoundIn] = defaultdict(_FoundIn)
        self._tried: set[_EffectKey] = set()
        self._known: dict[_EffectKey, _ShownAgain] = {}
        self._engines: SimpleQueue[tuple[sim.ChainEngine, sim.ChainEngine]] = SimpleQueue()
        self._started: list[sim.ChainEngine] = []
        self._threads: ThreadPoolExecutor
        self.compared = 0
        self.tried = 0
        self.unconfirmed = 0
        self.not_compared: list[NotCompared] = []

    @contextmanager
    def opened(self) -> Iterator[_ChainComparison]:
        """Start the engines, and end them on leaving."""
        pairs = min(cores(), _PAIRS_MAX)
        self._threads = ThreadPoolExecutor(pairs)
        try:
            for pair in self._threads.map(self._start, range(pairs)):
                self._engines.put(pair)
            yield self
        finally:
            self._end()  # so that no thread waits for a run any longer
            self._threads.shutdown(cancel_futures=True)
            self._end()  # what a thread has started in the meantime

    def _start(self, _place: int) -> tuple[sim.ChainEngine, sim.ChainEngine]:
        old, new = (self._own(sim.ChainEngine(chain)) for chain in self._chains)
        return old, new

    def _end(self) -> None:
        for engine in self._started:
            engine.end()

    def _own(self, engine: sim.ChainEngine) -> sim.ChainEngine:
        self._started.append(engine)
        return engine

    def run_scenarios(self, paths: Sequence[Path]) -> None:
        """Run the scenarios that fit both chains."""
        files = list(dict.fromkeys(file for path in paths for file in _files(path)))
        for file in files:
            try:
                old, new = (load(file, chain=side.path, home=side.home).plan for side in self._sides)
            except HarnessError as error:
                self.not_compared.append(NotCompared(what=named(file), why=str(error), fits=False))
                continue
            self._plans[file] = old, new

        def run(file: Path) -> _DifferenceIn:
            return self._difference(file, *self._plans[file], known=self._known.keys())

        for done, shown in enumerate(self._map(run, self._plans), 1):
            self._progress.count(done, len(self._plans))
            if shown.problem:
                self.not_compared.append(NotCompared(what=named(Path(str(shown.what))), why=shown.problem))
                continue
            self.compared += 1
            for key in _keys(shown.effects):
                assert isinstance(shown.what, Path)
                self._groups[key].scenarios.append(shown.what)

    def search(self, budget_s: float) -> None:
        """Try timelines until the time is used up."""
        end_s = time.monotonic() + budget_s
        seen: set[FaultSchedule] = set()

        def fresh() -> Iterator[FaultSchedule]:
            for timeline in sweep(self._spaces[0]):
                if time.monotonic() >= end_s:
                    return
                if timeline not in seen:
                    seen.add(timeline)
                    yield timeline

        for shown in self._map(self._timeline, fresh()):
            self.tried += 1
            for key in _keys(shown.effects):
                assert isinstance(shown.what, FaultSchedule)
                self._groups[key].timelines.append(shown.what)

    def confirm(self) -> None:
        """Look for the smallest timeline of each difference that was found since the last time, and see whether it shows again."""
        fresh = {key: group for key, group in self._groups.items() if key not in self._tried}
        self._tried.update(fresh)
        for key, confirmed in self._map(self._confirmed, fresh.items()):
            if confirmed is None:
                self.unconfirmed += 1
            else:
                self._known[key] = confirmed

    def changes(self) -> list[_ShownAgain]:
        """Return each difference that shows again, what is worse first."""
        order = [Trend.WORSE, Trend.BETTER, Trend.OTHER]
        return sorted(
            self._known.values(), key=lambda each: (order.index(trend_of(each.effects)), str(each.effects[0].key))
        )

    def _confirmed(self, found: tuple[_EffectKey, _FoundIn]) -> tuple[_EffectKey, _ShownAgain | None]:
        """Return a difference by the smallest timeline that shows it, or if none does, by a scenario; None if chance made it."""
        key, group = found
        if group.timelines:
            first = min(group.timelines, key=lambda timeline: timeline.size)
            smallest = smaller(
                self._spaces[0],
                first,
                lambda timeline: key in _keys(self._timeline(timeline).effects),
                same_faults=True,
            )
            for timeline in dict.fromkeys((smallest, first)):
                shown = self._timeline(timeline, seeds=_CONFIRM)
                if key in _keys(shown.effects):
                    scenario = self._spaces[0].scenario(timeline)
                    return key, _ShownAgain(effects=shown.effects, group=group, timeline=timeline, scenario=scenario)
        for file in group.scenarios:
            shown = self._difference(file, *self._plans[file], seeds=_CONFIRM)
            if key in _keys(shown.effects):
                return key, _ShownAgain(effects=shown.effects, group=group, file=file)
        return key, None

    def _timeline(self, timeline: FaultSchedule, seeds: Iterable[int] = _SEEDS) -> _DifferenceIn:
        old, new = (space.plan(timeline) for space in self._spaces)
        return self._difference(timeline, old, new, seeds=seeds)

    def _difference(
        self,
        what: Path | FaultSchedule,
        old: Plan,
        new: Plan,
        *,
        seeds: Iterable[int] = _SEEDS,
        known: Collection[_EffectKey] = (),
    ) -> _DifferenceIn:
        """Run both chains, and return what differs.

        Args:
            what: What it is.
            old: For the first chain.
            new: For the second.
            seeds: Of the chains.
            known: Differences that nobody need see once more.
        """
        engines = self._engines.get()
        runs: tuple[list[Behaviour], list[Behaviour]] = [], []
        try:
            for seed in seeds:
                for engine, plan, side, found in zip(engines, (old, new), self._sides, runs, strict=True):
                    found.append(_behaviour(engine, plan, seed, side))
                if _settled(runs, known):
                    return _DifferenceIn(what)
            return _DifferenceIn(what, effects=effects(*runs))
        except HarnessError as error:
            return _DifferenceIn(what, problem=str(error))
        finally:
            self._engines.put(engines)

    def _map(self, work: Callable[[T], R], todo: Iterable[T]) -> Iterator[R]:
        """Yield the results as they come. What is to be done is asked for only when somebody can begin it."""
        coming = iter(todo)
        running: set[Future[R]] = set()
        width = self._engines.qsize() + 1
        while True:
            running.update(self._threads.submit(work, each) for each in islice(coming, width - len(running)))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()


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


def _files(path: Path) -> list[Path]:
    place = existing(path)
    return files_in(place, {FileKind.SCENARIO})[0] if place.is_dir() else [place]


def _change(
    found: _ShownAgain, number: int, folder: ComparisonFolder, sides: tuple[ChainSide, ChainSide]
) -> BehaviourChange:
    """Return a difference as it is reported."""
    scenarios = tuple(named(file) for file in found.group.scenarios)
    if found.timeline is None or found.scenario is None:
        assert found.file is not None
        return BehaviourChange(
            effects=found.effects,
            causes=(f"in {named(found.file)}",),
            scenarios=tuple(name for name in scenarios if name != named(found.file)),
            smallest=found.file,
            yaml=found.file.read_text(encoding="utf-8"),
        )
    file = folder.scenario(number)
    causes = tuple(dict.fromkeys(map(_words, (found.timeline, *found.group.timelines))))
    change = BehaviourChange(effects=found.effects, causes=causes, scenarios=scenarios, smallest=file, yaml="")
    text = to_yaml(
        found.scenario,
        chain=Path(os.path.relpath(sides[0].path.resolve(), folder.path)).as_posix(),
        name=file.stem,
        title=change.cause,
        comments=[f"Found by `harness compare`. {sides[0].name} and {sides[1].name} differ in it. {change.sentence}."],
        commands=[_command(file, side, other=place > 0) for place, side in enumerate(sides)],
    )
    return replace(change, yaml=text)


def _command(file: Path, side: ChainSide, *, other: bool) -> str:
    chain = ["--chain", str(side.path)] if other else []
    return shlex.join(["harness", "run", str(file), "--engine", "sim", *chain, *side.home.words])


def _words(timeline: FaultSchedule) -> str:
    """Return a timeline's faults for people."""
    faults = [
        f"{fault.inject.fault_kind.words(fault.inject).one} at {' and '.join(fault.names)}"
        + (f" (first {fault.first})" if fault.first is not None else "")
        for fault in timeline.faults
    ]
    return ("streams, " if timeline.streaming else "") + " and ".join(faults)
