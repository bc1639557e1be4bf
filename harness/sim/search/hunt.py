"""The search: runs one story after another, and shrinks each that breaks a property not broken before."""

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
from harness.sim.search.space import Space, Story
from harness.sim.search.trial import Outcome, outcome_of
from harness.store import decode, encode

SHRINK_MAX = 400
"""Runs that are spent on making one find smaller."""
_ROUND_MAX = 400
"""Runs of a round: one half drawn at large, the other half climbing from the worst of them."""
_DULL_MAX = 3
_OTHER_SEEDS = 3
"""By how many further seeds a story is run to see that what it breaks does not hang on the chain's own dice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A property and the smallest story that was found to break it.

    Attributes:
        name: The property's.
        story: What breaks it.
        requests: Those that show it, in order.
        shrunk: Nothing smaller breaks it, as far as the search can tell; False where it ran out of time.
        steady: By no other seed that was tried did it hold: it hangs neither on the chain's dice nor on the faults'.
    """

    name: str
    story: Story
    requests: tuple[str, ...]
    shrunk: bool = True
    steady: bool = True


class _OverError(BaseException):
    """The budget is used up. No Exception: Hypothesis would take that for a find."""


class _EnoughError(BaseException):
    """Enough was spent on one find."""


class _SeenError(BaseException):
    """A story breaks a property that none broke before."""

    def __init__(self, name: str, story: Story) -> None:
        super().__init__(name)
        self.name = name
        self.story = story


class Hunt:
    """A search for stories that break properties. One run of a story tells about all of them.

    Args:
        space: What is searched.
        properties: Names of those to break.
        seed: Fixes what is tried, and in which order.
        over: Whether the budget is used up; asked before every run.
        database: Folder of what broke a property in an earlier search, which is tried first; None keeps nothing.

    Attributes:
        tried: How many different stories were run.
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
    ) -> None:
        self.tried = 0
        self.finds: list[Find] = []
        self._space = space
        self._stories = space.stories()
        self._properties = tuple(properties)
        self._seed = seed
        self._over = over
        self._known: dict[Story, Outcome] = {}
        self._by_others: dict[Story, list[frozenset[str]]] = {}
        self._noticed: dict[str, Story] = {}
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

    def broken(self, story: Story) -> dict[str, tuple[str, ...]]:
        """Return the properties that a story breaks, with the requests that show it; each is run once.

        Raises:
            _OverError: The budget is used up.
        """
        known = self._known.get(story)
        if known is None:
            if self._over():
                raise _OverError
            self.tried += 1
            known = self._known[story] = outcome_of(self._space, story, self._properties)
            for name in known.broken:
                best = self._noticed.get(name)
                if best is None or story.size < best.size:
                    self._noticed[name] = story
        return known.broken

    def steady(self, name: str, story: Story) -> bool:
        """Return whether a story breaks a property by the space's seed and by others too.

        Raises:
            _OverError: The budget is used up.
        """
        if name not in self.broken(story):
            return False
        known = self._by_others.setdefault(story, [])
        for place in range(_OTHER_SEEDS):
            if place == len(known):
                if self._over():
                    raise _OverError
                known.append(
                    frozenset(
                        outcome_of(self._space, story, self._properties, seed=self._space.seed + 1 + place).broken
                    )
                )
            if name not in known[place]:
                return False
        return True

    def _met(self, story: Story) -> dict[str, tuple[str, ...]]:
        """Return what a drawn story breaks; tell Hypothesis how bad it was, so that it looks further in that direction."""
        shown = self.broken(story)
        known = self._known[story]
        target(known.slowest_s, label="slowest request")
        target(known.most, label="most attempts")
        return shown

    def _open(self) -> list[str]:
        found = {find.name for find in self.finds}
        return [name for name in self._properties if name not in found]

    def _found(self, name: str, story: Story, *, shrunk: bool) -> Find:
        others = self._by_others.get(story, [])
        found = Find(
            name=name,
            story=story,
            requests=self._known[story].broken[name],
            shrunk=shrunk,
            steady=all(name in each for each in others),
        )
        self.finds.append(found)
        if self._database is not None:
            self._database.save(name.encode(), encode(story))
        return found

    def _resume(self) -> Iterator[Find]:
        """Yield what an earlier search found and is still so; forget what is not."""
        if self._database is None:
            return
        for name in self._properties:
            for kept in sorted(self._database.fetch(name.encode())):
                try:
                    story = decode(kept, Story)
                except ValueError:  # torn, or of another version
                    self._database.delete(name.encode(), kept)
                    continue
                if not self._space.holds(story):
                    continue
                if name not in self.broken(story):
                    self._database.delete(name.encode(), kept)
                elif name in self._open():
                    yield self._found(name, self._bare(name, story), shrunk=True)

    def _explore(self) -> Iterator[Find]:
        """Yield what is new, round by round; a round ends with a find."""
        dull = turn = 0
        while self._open() and dull < _DULL_MAX:
            turn += 1
            tried = self.tried
            try:
                find(
                    self._stories,
                    self._look,
                    settings=_settings(Phase.generate, Phase.target),
                    random=self._random(turn),
                )
            except _SeenError as seen:
                # The same numbers lead to the same story again, without a run: there the shrinking begins.
                yield self._shrink(seen, self._random(turn)) or self._found(seen.name, seen.story, shrunk=False)
                # What was noticed on the way need not be met again.
                for name in self._open():
                    if name in self._noticed and self.steady(name, self._noticed[name]):
                        yield self._found(name, self._bare(name, self._noticed[name]), shrunk=True)
            except NoSuchExample:
                dull = 0 if self.tried > tried else dull + 1

    def _look(self, story: Story) -> bool:
        shown = self._met(story)
        for name in self._open():
            if name in shown:
                raise _SeenError(name, story)
        return False

    def _shrink(self, seen: _SeenError, random: Random) -> Find | None:
        """Return the smallest story that breaks a property, from the first one on that Hypothesis meets; None if it meets none."""
        name = seen.name
        holds = self._holds(name, seen.story)
        best: Story | None = None
        last = self.tried + SHRINK_MAX

        def breaks(story: Story) -> bool:
            nonlocal best
            if self.tried >= last and best is not None:
                raise _EnoughError
            self._met(story)
            if not holds(story):
                return False
            if best is None or story.size <= best.size:
                best = story
            return True

        try:
            story = find(
                self._stories,
                breaks,
                settings=_settings(Phase.generate, Phase.target, Phase.shrink),
                random=random,
            )
            return self._found(name, self._bare(name, story), shrunk=True)
        except NoSuchExample:
            return None
        except (_OverError, _EnoughError):
            if best is None:
                raise
            return self._found(name, best, shrunk=False)

    def _bare(self, name: str, story: Story) -> Story:
        """Return a story without what it does not need: Hypothesis may stop in a valley, and leaves the callers alone."""
        holds = self._holds(name, story)
        while smaller := next(filter(holds, chain(self._space.shorter(story), story.simpler())), None):
            story = smaller
        return story

    def _holds(self, name: str, story: Story) -> Callable[[Story], bool]:
        """Return what must stay true of a story when it is made smaller: chance must not come in where there was none."""
        if self.steady(name, story):
            return lambda smaller: self.steady(name, smaller)
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
