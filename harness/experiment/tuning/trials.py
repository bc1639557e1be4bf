"""Candidates tried on incidents; what was tried once is kept in a file, and not tried again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.experiment.replays.players import Play, Players
from harness.experiment.tuning.candidates import Candidate
from harness.experiment.tuning.outages import TunedOutage
from harness.incident.numbers import OutageNumbers
from harness.incident.toll import Toll, toll
from harness.scenario.schema import Load
from harness.store import decode, encode

SAMPLE_NS = 30 * 10**9
"""Shorter than a replay's: candidates are compared with each other on the same draws."""
LOW, HIGH = "low", "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTrial:
    """A line of the file.

    Attributes:
        key: What was played on what.
        numbers: What it came to; None if it came to nothing.
        error: Why it did not; empty if it did.
    """

    key: str
    numbers: OutageNumbers | None = None
    error: str = ""


class Trials:
    """Candidates on incidents.

    Args:
        players: Processes that play them.
        groups: What is played, by name.
        load: What callers do.
        kept: The file of what was tried.
        context: What else an answer depends on, such as versions.
        progress: Called after each run with how many of how many are done.
        interrupted: Whether to end early.
    """

    def __init__(
        self,
        players: Players,
        groups: Mapping[str, TunedOutage],
        load: Load,
        *,
        kept: Path,
        context: str,
        progress: Callable[[int, int], None],
        interrupted: Callable[[], bool],
    ) -> None:
        self._players = players
        self._groups = groups
        self._load = load
        self._file = kept
        self._context = context
        self._progress = progress
        self._interrupted = interrupted
        self._known = {line.key: line for line in _lines(kept) if not line.error}  # a busy machine may have been why
        self.runs = 0

    async def tolls(
        self, candidates: Sequence[Candidate], names: Sequence[str], ends: Sequence[str] = (HIGH,)
    ) -> list[Toll | None]:
        """Return what some incidents cost each candidate; None for one that could not be tried on all of them.

        Args:
            candidates: In the order of the answer.
            names: Of incidents.
            ends: Which ends of what is unknown about them.
        """
        found = await self.numbers(candidates, names, ends)
        return [
            None if any(each is None for each in mine) else toll([each for each in mine if each is not None])
            for mine in found
        ]

    async def numbers(
        self, candidates: Sequence[Candidate], names: Sequence[str], ends: Sequence[str] = (HIGH,)
    ) -> list[list[OutageNumbers | None]]:
        """Return for each candidate what each incident came to at each end, in order; None for what could not be played."""
        keys: list[list[str]] = []
        plays: dict[str, Play] = {}
        for candidate in candidates:
            mine: list[str] = []
            for name in names:
                for play in self._plays(candidate, name, ends):
                    key = self._key(play)
                    mine.append(key)
                    if key not in self._known:
                        plays[key] = play
            keys.append(mine)
        await self._play(plays)
        return [[self._known[key].numbers if key in self._known else None for key in mine] for mine in keys]

    def play(self, candidate: Candidate, name: str) -> Play:
        """Return how an incident is played on a candidate, at the high end of what is unknown about it."""
        return next(self._plays(candidate, name, (HIGH,)))

    def length_ns(self, candidate: Candidate, name: str) -> int:
        """Return how long an incident is played on a candidate, in nanoseconds."""
        return self.play(candidate, name).variant.parts[-1].end_ns

    def why_not(self, candidate: Candidate, names: Sequence[str]) -> str:
        """Return why a candidate has no number for one of some incidents; empty if it has."""
        for name in names:
            line = self._known.get(self._key(self.play(candidate, name)))
            if line is not None and line.error:
                return line.error
        return ""

    def _plays(self, candidate: Candidate, name: str, ends: Sequence[str]) -> Iterator[Play]:
        """Yield one variant for each end: which fault, and whether refusals ask to wait, goes by the incident's place."""
        outage = self._groups[name]
        chain = outage.played_on(candidate.chain)
        every = outage.variants(candidate.chain, self._load, SAMPLE_NS)
        place = list(self._groups).index(name)
        for end in dict.fromkeys(end if any(each.share == end for each in every) else HIGH for end in ends):
            these = [each for each in every if each.share == end]
            yield Play(variant=these[place % len(these)], chain=chain)

    def _key(self, play: Play) -> str:
        """Return a name for what is played: the same chain meets the same incident, whatever their files are called."""
        said = encode([self._context, play.chain, play.variant])
        return hashlib.sha256(said).hexdigest()[:32]

    async def _play(self, plays: Mapping[str, Play]) -> None:
        keys = list(plays)
        count = 0
        with self._file.open("ab", buffering=0) as file:

            def done(number: int, numbers: OutageNumbers | str) -> None:
                nonlocal count
                line = (
                    KeptTrial(key=keys[number], error=numbers)
                    if isinstance(numbers, str)
                    else KeptTrial(key=keys[number], numbers=numbers)
                )
                self._known[line.key] = line
                file.write(encode(line) + b"\n")
                count += 1
                self.runs += 1
                self._progress(count, len(plays))

            await self._players.play(list(plays.values()), done, self._interrupted)


def _lines(path: Path) -> Iterator[KeptTrial]:
    """Yield what a file of trials holds; a last line that was torn by a crash is cut off."""
    if not path.exists():
        return
    raw = path.read_bytes()
    if torn := len(raw) - (raw.rfind(b"\n") + 1):
        os.truncate(path, len(raw) - torn)
    for line in raw[: len(raw) - torn].splitlines():
        with suppress(ValueError):
            yield decode(line, KeptTrial)
