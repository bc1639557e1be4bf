"""The search: runs one schedule after another, and shrinks each that breaks a property not broken before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random

from hypothesis import Phase, Verbosity, find, settings, target
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.errors import NoSuchExample

from harness.judge.properties import PROPERTIES
from harness.scenario import Inject
from harness.sim.search.space import FaultSchedule, Space
from harness.sim.search.trial import TrialResult, try_schedule
from harness.store import decode, encode

SHRINK_MAX = 400
"""Runs that are spent on making one find smaller."""
_ROUND_MAX = 400
"""Runs of a round: one half drawn freely, the other half by small changes to the worst of them."""
_DULL_MAX = 3
_OTHER_SEEDS = 3
"""With how many further seeds a schedule is run, to see whether what it breaks depends on random numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A property and the smallest schedule that was found to break it.

    Attributes:
        name: The property's.
        schedule: What breaks it.
        requests: Those that show it, in order.
        shrunk: The search found nothing smaller that breaks it; False if it ran out of time.
        steady: It was broken with every other seed that was tried: it depends on the random numbers of neither chain nor faults.
    """

    name: str
    schedule: FaultSchedule
    requests: tuple[str, ...]
    shrunk: bool = True
    steady: bool = True


class _OverError(BaseException):
    """The budget is used up. No Exception: Hypothesis would take that for a find."""


class _EnoughError(BaseException):
    """Enough was spent on one find."""


class _NewFindError(BaseException):
    """A schedule breaks a property that none broke before."""

    def __init__(self, name: str, schedule: FaultSchedule) -> None:
        super().__init__(name)
        self.name = name
        self.schedule = schedule


class Hunt:
    """A search for schedules that break properties. One run of a schedule is checked for all of them.

    Args:
        space: What is searched.
        properties: Names of those to break.
        seed: Fixes what is tried, and in which order.
        over: Whether the budget is used up; asked before every run.
        database: Folder of what broke a property in an earlier search, which is tried first; None keeps nothing.
        trial: Runs a schedule: `try_schedule`, or the same in a process of its own.

    Attributes:
        tried: How many different schedules were run.
        finds: What was found so far.
    """

    def __init__(
        self,
        space: Space,
        *,
        properties: Sequence[str] = tuple(PROPERTIES.own),
        seed: int = 1,
        over: Callable[[], bool],
        database: Path | None = None,
        trial: Callable[..., TrialResult] = try_schedule,
    ) -> None:
        self.tried = 0
        self.finds: list[Find] = []
        self._space = space
        self._schedules = space.schedules()
        self._properties = tuple(properties)
        self._seed = seed
        self._over = over
        self._trial = trial
        self._known: dict[FaultSchedule, TrialResult] = {}
        self._by_others: dict[FaultSchedule, list[frozenset[str]]] = {}
        self._noticed: dict[str, FaultSchedule] = {}
        self._lucky: set[tuple[str, FaultSchedule]] = set()
        self._database = None
        if database is not None:
            set_hypothesis_home_dir(database / ".hypothesis")
            self._database = DirectoryBasedExampleDatabase(database / "examples")

    def run(self) -> Iterator[Find]:
        """Yield the finds, each as soon as it is shrunk, until the budget is used up or nothing is left to try."""
        try:
            yield from self._resume()
            yield from self._explore()
        except _OverError:
            pass
        # What no time was left for.
        for name in self._open():
            if name in self._noticed:
                yield self._found(name, self._noticed[name], shrunk=False)

    def retract(self, find: Find, trial: Callable[..., TrialResult]) -> None:
        """Take back a find that did not show again in a fresh process, and run everything else by another trial.

        Earlier runs in this process changed later ones, so none of their results counts any longer.
        """
        self.finds.remove(find)
        self._trial = trial
        self._known.clear()
        self._by_others.clear()
        self._noticed.clear()
        if self._database is not None:
            self._database.delete(find.name.encode(), encode(find.schedule))

    def drop(self, find: Find) -> None:
        """Take back a find that shows with some random numbers of the chain only, and look for others."""
        self.finds.remove(find)
        self._lucky.add((find.name, find.schedule))
        self._noticed.pop(find.name, None)
        if self._database is not None:
            self._database.delete(find.name.encode(), encode(find.schedule))

    def broken(self, schedule: FaultSchedule) -> dict[str, tuple[str, ...]]:
        """Return the properties that a schedule breaks, with the requests that show it; each is run once.

        Raises:
            _OverError: The budget is used up.
        """
        known = self._known.get(schedule)
        if known is None:
            if self._over():
                raise _OverError
            self.tried += 1
            known = self._known[schedule] = self._trial(self._space, schedule, self._properties)
            for name in known.broken:
                if (name, schedule) in self._lucky:
                    continue
                best = self._noticed.get(name)
                if best is None or schedule.size < best.size:
                    self._noticed[name] = schedule
        return known.broken

    def steady(self, name: str, schedule: FaultSchedule) -> bool:
        """Return whether a schedule breaks a property with the space's seed and with others too.

        Raises:
            _OverError: The budget is used up.
        """
        if name not in self.broken(schedule):
            return False
        known = self._by_others.setdefault(schedule, [])
        for place in range(_OTHER_SEEDS):
            if place == len(known):
                if self._over():
                    raise _OverError
                known.append(
                    frozenset(
                        self._trial(self._space, schedule, self._properties, seed=self._space.seed + 1 + place).broken
                    )
                )
            if name not in known[place]:
                return False
        return True

    def _met(self, schedule: FaultSchedule) -> dict[str, tuple[str, ...]]:
        """Return what a drawn schedule breaks; give Hypothesis a measure of how bad it was, so that it looks further in that direction."""
        shown = self.broken(schedule)
        known = self._known[schedule]
        target(known.slowest_s, label="slowest request")
        target(known.most, label="most attempts")
        return shown

    def _open(self) -> list[str]:
        found = {find.name for find in self.finds}
        return [name for name in self._properties if name not in found]

    def _found(self, name: str, schedule: FaultSchedule, *, shrunk: bool) -> Find:
        try:
            steady = self.steady(name, schedule)
        except _OverError:
            steady = all(name in each for each in self._by_others.get(schedule, []))
        found = Find(
            name=name,
            schedule=schedule,
            requests=self._known[schedule].broken[name],
            shrunk=shrunk,
            steady=steady,
        )
        self.finds.append(found)
        if self._database is not None:
            self._database.save(name.encode(), encode(schedule))
        return found

    def _resume(self) -> Iterator[Find]:
        """Yield what an earlier search found and is still so; forget what is not."""
        if self._database is None:
            return
        for name in self._properties:
            for kept in sorted(self._database.fetch(name.encode())):
                try:
                    schedule = decode(kept, FaultSchedule)
                except ValueError:  # torn, or of another version
                    self._database.delete(name.encode(), kept)
                    continue
                if not self._space.holds(schedule):
                    continue
                if name not in self.broken(schedule):
                    self._database.delete(name.encode(), kept)
                elif name in self._open():
                    yield self._found(name, self._bare(name, schedule), shrunk=True)

    def _explore(self) -> Iterator[Find]:
        """Yield what is new, round by round; a round ends with a find."""
        dull = turn = 0
        while self._open() and dull < _DULL_MAX:
            turn += 1
            tried = self.tried
            self._schedules = self._space.schedules(streams=self._for_streams(turn))
            try:
                find(
                    self._schedules,
                    self._look,
                    settings=_settings(Phase.generate, Phase.target),
                    random=self._random(turn),
                )
            except NoSuchExample:
                dull = 0 if self.tried > tried else dull + 1
            except _NewFindError as new:
                # The same numbers lead to the same schedule again, without a run: there the shrinking begins.
                yield self._shrink(new, self._random(turn)) or self._found(new.name, new.schedule, shrunk=False)
                # What was noticed on the way need not be met again.
                for name in self._open():
                    if name in self._noticed and self.steady(name, self._noticed[name]):
                        yield self._found(name, self._bare(name, self._noticed[name]), shrunk=True)

    def _for_streams(self, turn: int) -> bool:
        """Return whether a round looks for what streams break: all of them do where nothing else is left, else every other."""
        about = [PROPERTIES[name].about_streams for name in self._open()]
        return all(about) or (any(about) and turn % 2 == 0)

    @property
    def streamed(self) -> int:
        """How many of the schedules that were run stream."""
        return sum(schedule.streaming for schedule in self._known)

    def untried(self) -> list[tuple[str, Inject]]:
        """Return the faults that no schedule had, with their providers: what the budget did not cover."""
        tried = {(fault.on, fault.inject) for schedule in self._known for fault in schedule.faults}
        return [pair for pair in self._space.pairs() if pair not in tried]

    def _look(self, schedule: FaultSchedule) -> bool:
        shown = self._met(schedule)
        for name in self._open():
            if name in shown and (name, schedule) not in self._lucky and self.steady(name, schedule):
                raise _NewFindError(name, schedule)
        return False

    def _shrink(self, new: _NewFindError, random: Random) -> Find | None:
        """Return the smallest schedule that breaks a property, from the first one on that Hypothesis meets; None if it meets none."""
        name = new.name
        holds = self._holds(name, new.schedule)
        best: FaultSchedule | None = None
        last = self.tried + SHRINK_MAX

        def breaks(schedule: FaultSchedule) -> bool:
            nonlocal best
            if self.tried >= last and best is not None:
                raise _EnoughError
            self._met(schedule)
            if not holds(schedule):
                return False
            if best is None or schedule.size <= best.size:
                best = schedule
            return True

        try:
            schedule = find(
                self._schedules,
                breaks,
                settings=_settings(Phase.generate, Phase.target, Phase.shrink),
                random=random,
            )
            return self._found(name, self._bare(name, schedule), shrunk=True)
        except NoSuchExample:
            return None
        except (_OverError, _EnoughError):
            if best is None:
                raise
            return self._found(name, best, shrunk=False)

    def _bare(self, name: str, schedule: FaultSchedule) -> FaultSchedule:
        """Return a schedule without what it does not need: Hypothesis may stop in a valley, and leaves the callers alone."""
        holds = self._holds(name, schedule)
        while smaller := next(filter(holds, chain(self._space.shorter(schedule), schedule.simpler())), None):
            schedule = smaller
        return schedule

    def _holds(self, name: str, schedule: FaultSchedule) -> Callable[[FaultSchedule], bool]:
        """Return what must stay true of a schedule when it is made smaller: it must not come to depend on chance."""
        if self.steady(name, schedule):
            return lambda smaller: (name, smaller) not in self._lucky and self.steady(name, smaller)
        return lambda smaller: name in self.broken(smaller)

    def _random(self, turn: int) -> Random:
        return Random(f"{self._seed} {turn}")


def _settings(*phases: Phase) -> settings:
    """Return how Hypothesis works. It keeps no database of its own: with a fixed seed it would read none."""
    return settings(
        max_examples=_ROUND_MAX,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        verbosity=Verbosity.quiet,
    )
