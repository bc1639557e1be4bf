"""What a tuning found in virtual time, once more on real parts: the file as it is, what is suggested, and one more of the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from harness.engines import Progress
from harness.experiment.replays.players import Play
from harness.experiment.replays.playing_live import LivePlay, play_each
from harness.experiment.tuning.candidates import Tunable
from harness.experiment.tuning.searching import SettingValues
from harness.experiment.tuning.trials import Trials
from harness.incident.numbers import OutageNumbers, SampledNumber, by_chance
from harness.incident.tuned import Proof, Tuned

POINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Settings to be played on real parts.

    Attributes:
        values: What they change.
        incident: On which they are played.
        play: As they are played in virtual time too.
        numbers: What came of that.
    """

    values: SettingValues
    incident: str
    play: Play
    numbers: OutageNumbers


async def points(of: Tunable, tuned: Tuned, trials: Trials) -> list[Point]:
    """Return what is to be proved, on the incident that costs the most for the time that it takes."""
    if not tuned.compared or tuned.interrupted:
        return []
    name = tuned.compared[0]
    wanted = list(_wanted(tuned))[:POINTS]
    candidates = [of.changed(values) for values in wanted]
    found = await trials.numbers(candidates, [name])
    return [
        Point(values=values, incident=name, play=trials.play(candidate, name), numbers=numbers)
        for values, candidate, [numbers] in zip(wanted, candidates, found, strict=True)
        if numbers is not None
    ]


def _wanted(tuned: Tuned) -> Iterator[SettingValues]:
    """Yield settings without repeats: those of the file, of the suggestion, and the best of the front."""
    shown = tuned.suggestion or tuned.refuted
    best = sorted(tuned.front, key=lambda each: (each.toll.of(tuned.objective), *each.toll.all))
    seen: list[SettingValues] = []
    for values in ({}, *([shown.tried.values] if shown is not None else []), *(each.values for each in best)):
        if dict(values) not in seen:
            seen.append(dict(values))
            yield dict(values)


def proved(
    several: Sequence[Point], play_one: Callable[[Play], LivePlay], progress: Progress, interrupted: Callable[[], bool]
) -> Iterator[Proof]:
    """Play settings on real parts, one after the other, and yield how each compares; an interruption ends it.

    Args:
        several: What is to be proved.
        play_one: Plays on real parts.
        progress: Told how long it takes.
        interrupted: Whether to begin no more.
    """
    plays = play_each([each.play for each in several], play_one, progress, interrupted)
    for point, ended in zip(several, plays, strict=False):
        live = ended.numbers
        yield Proof(
            values=point.values,
            incident=point.incident,
            simulated=_band(point.play, point.numbers),
            live=_band(point.play, live) if isinstance(live, OutageNumbers) else None,
            run=None if ended.run is None else str(ended.run),
            error="" if isinstance(live, OutageNumbers) else live,
        )


def _band(play: Play, numbers: OutageNumbers) -> SampledNumber:
    return by_chance(numbers, play.variant.scenario.load.peak_rate, play.variant.parts)
