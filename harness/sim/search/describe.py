"""A find as a person would say it: which faults hit which providers, and what the caller got. All numbers are the run's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.history import AttemptRecord
from harness.judge.properties import PROPERTIES, SearchRun
from harness.quantities import duration, listed
from harness.scenario import Window
from harness.sim.search.space import FaultSchedule

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_APART_NS = 50_000_000
"""What is closer together than this happened at once, for a person."""


def describe(name: str, run: SearchRun, shown: tuple[str, ...]) -> str:
    """Return what a person would say of a run that breaks a property.

    Args:
        name: The property's.
        run: The run.
        shown: The requests that break it.
    """
    broken = PROPERTIES[name]
    worst = broken.worst(run, shown)
    touched = [each for each in worst.attempts if each.fault_id is not None]
    if not touched or broken.caused_by_all:
        touched = sorted((each for tried in run.of.values() for each in tried if each.fault_id), key=_begun)
    harm = broken.harm(worst)
    if not touched:
        return harm
    causes = _causes(touched, {(window.fault_id, window.provider): window for window in run.windows})
    starts_ns = [next(each.start_ns for each in touched if each.fault_id == cause) for cause in _ids(touched)]
    apart_ns = starts_ns[-1] - starts_ns[0]
    apart = f", {duration(apart_ns)} apart" if apart_ns >= _APART_NS else ""
    return f"{listed(causes)}{apart}, and {harm}"


def faults_of(timeline: FaultSchedule) -> str:
    """Return a timeline's faults for people: `503 at openai and 401 (first 2) at azure`."""
    faults = [
        f"{fault.inject.fault_kind.words(fault.inject).one}"
        + (f" (first {fault.first})" if fault.first is not None else "")
        + f" at {listed(fault.names)}"
        for fault in timeline.faults
    ]
    return ("streams: " if timeline.streaming else "") + listed(faults)


def _begun(attempt: AttemptRecord) -> int:
    return attempt.start_ns


def _ids(attempts: Iterable[AttemptRecord]) -> list[str]:
    return list(dict.fromkeys(each.fault_id for each in attempts if each.fault_id))


def _causes(touched: Iterable[AttemptRecord], windows: Mapping[tuple[str, str], Window]) -> list[str]:
    """Return what happened to the attempts, counted: `two 429s from openai`."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for each in touched:
        inject = windows[each.fault_id or "", each.provider].inject
        words = inject.fault_kind.words(inject)
        counts[words.one, words.many, each.provider] += 1
    return [
        f"{_COUNTS[many] if many < len(_COUNTS) else many} {one if many == 1 else more} from {provider}"
        for (one, more, provider), many in counts.items()
    ]
