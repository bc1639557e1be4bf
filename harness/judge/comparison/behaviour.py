"""How a chain behaves in a scenario, and what differs between two chains: over several runs of each, by random draws of their own.

A chain's library draws its jitter and its shuffle at random, so two runs of one chain differ too. A difference counts only
if nearly all runs of one chain lie outside the range of the other's, by more than the width of that range.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, median
from typing import Literal, NamedTuple

from harness.judge.comparison.changes import Trend
from harness.judge.comparison.regression import SHARE_MIN, TIME_MIN_NS
from harness.judge.findings import FINDINGS
from harness.judge.result import Status, Verdict
from harness.judge.run_data import RunData
from harness.quantities import amount

FactKind = Literal["outcome", "finding", "order", "attempts", "wait"]
_KINDS: Mapping[FactKind, tuple[str, str]] = {
    "outcome": ("share", " of requests"),
    "finding": ("count", ""),
    "order": ("share", " of requests"),
    "attempts": ("count", " for each request"),
    "wait": ("ns", ""),
}
"""Unit of each kind, and what its numbers are of. What matters most to callers comes first."""
TRENDS = (Trend.WORSE, Trend.BETTER, Trend.OTHER)
"""What a difference can be, in the order in which differences are reported."""
RUNS = 5
"""Runs of each chain that a difference is judged by."""
_SHOWN_MIN = 4
"""How many of them must show it."""
_OUTCOME_MIN = 0.01
_ATTEMPTS_MIN = 0.05

SERVED = "served"
_ERROR = "error"
_INCOMPLETE = "an incomplete answer reported as a success"
_NOBODY = "no provider"
_TIME = "time to the answer"


class Fact(NamedTuple):
    """What a number of a run is about.

    Attributes:
        aspect: What kind of number: a share of requests (`outcome`, `order`), attempts for each request, a wait in
            nanoseconds, or 1 for a finding that was shown.
        phase: Of the scenario; empty for the whole run.
        subject: The outcome, the providers in order, the provider, the wait, or the finding's id.
    """

    aspect: FactKind
    phase: str
    subject: str


Behaviour = Mapping[Fact, float]
"""What a chain did in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A number that differs between two chains.

    Attributes:
        fact: What it is about.
        before: The median over the runs of the first chain; NaN if it has none.
        after: The same of the second.
        trend: Whether that is better, worse, or neither.
    """

    fact: Fact
    before: float
    after: float
    trend: Trend

    @property
    def key(self) -> tuple[FactKind, str, bool]:
        """What it is, whatever its size: two scenarios with the same key show the same difference.

        One change of a backoff moves every wait, one of a cooldown many orders, and errors differ with the fault.
        """
        aspect, _, subject = self.fact
        grows = self.after > self.before
        if aspect == "order":
            return aspect, "", True
        if aspect == "wait":
            return aspect, "", grows
        return aspect, "error" if aspect == "outcome" and subject.startswith(_ERROR) else subject, grows

    @property
    def unit(self) -> str:
        """The unit of both numbers."""
        return _KINDS[self.fact.aspect][0]

    @property
    def label(self) -> str:
        """What the numbers are about, for people."""
        aspect, _, subject = self.fact
        if aspect == "finding":
            return FINDINGS[subject].name if subject in FINDINGS else subject
        return {"order": "asked ", "attempts": "attempts at "}.get(aspect, "") + subject

    @property
    def sides(self) -> tuple[str, str]:
        """Both numbers for people."""
        if self.fact.aspect == "finding":
            return ("not shown", "shown") if self.after > self.before else ("shown", "not shown")
        return amount(self.before, self.unit), amount(self.after, self.unit)

    @property
    def text(self) -> str:
        """All of it for people, but for the phase."""
        before, after = self.sides
        return f"{self.label}: {before} → {after}{_KINDS[self.fact.aspect][1]}"


def behaviour_of(run: RunData, verdict: Verdict) -> Behaviour:
    """Return what a chain did in a run.

    Args:
        run: The run.
        verdict: Its verdict, for the findings.
    """
    phases = [phase.name for phase in run.plan.phases]
    counts: Counter[Fact] = Counter()
    sizes: Counter[str] = Counter()
    for place, outcome, walk in zip(run.columns.requests.phase, _outcomes(run), _walks(run), strict=True):
        phase = phases[place]
        sizes[phase] += 1
        counts[Fact("outcome", phase, outcome)] += 1
        counts[Fact("order", phase, " then ".join(name for name, _ in groupby(walk)) or _NOBODY)] += 1
        counts.update(Fact("attempts", phase, provider) for provider in walk)
    shown = {found.id: found.status is Status.FAIL for found in verdict.findings if found.severity != "run"}
    return {
        **{fact: number / sizes[fact.phase] for fact, number in counts.items()},
        **dict(_waits(run, phases)),
        **{Fact("finding", "", name): float(failed) for name, failed in shown.items()},
    }


def effects(before: Sequence[Behaviour], after: Sequence[Behaviour]) -> tuple[Effect, ...]:
    """Return what differs between two chains, what matters most first; of fewer than four runs, all must show it.

    Args:
        before: What the first chain did, run by run.
        after: The same of the second, in as many runs.
    """
    needed = min(_SHOWN_MIN, len(before))
    found: dict[Fact, tuple[float, float]] = {}
    for fact in _facts(before, after):
        sides = [_numbers(fact, side) for side in (before, after)]
        if _shown(fact, *sides) >= needed:
            old, new = (median(number for number in side if not math.isnan(number)) for side in sides)
            found[fact] = old, new
    differences = {fact: new - old for fact, (old, new) in found.items()}
    made = [
        Effect(fact=fact, before=old, after=new, trend=_trend(fact, differences)) for fact, (old, new) in found.items()
    ]
    return tuple(sorted(made, key=_weight))


def undecided(before: Sequence[Behaviour], after: Sequence[Behaviour]) -> bool:
    """Return whether more runs may still show a difference: ranges only grow, so what lies within them stays there."""
    left = RUNS - len(before)
    return any(
        _shown(fact, _numbers(fact, before), _numbers(fact, after)) + left >= _SHOWN_MIN
        for fact in _facts(before, after)
    )


def trend_of(effects: Iterable[Effect]) -> Trend:
    """Return what several effects of one cause come to: the first that is better or worse decides."""
    return next((each.trend for each in effects if each.trend is not Trend.OTHER), Trend.OTHER)


def phases_of(effects: Sequence[Effect]) -> list[str]:
    """Return the phase of each effect for people: empty where all are of one phase, or of the whole run."""
    several = len({each.fact.phase for each in effects if each.fact.phase}) > 1
    return [each.fact.phase if several else "" for each in effects]


def _outcomes(run: RunData) -> Iterator[str]:
    requests = run.columns.requests
    for place, status in enumerate(requests.status):
        if requests.ok[place]:
            yield SERVED if requests.complete[place] else _INCOMPLETE
        elif requests.truncated[place]:
            yield "an answer that broke off"
        elif requests.failed[place]:
            yield f"{_ERROR} without a status" if math.isnan(status) else f"{_ERROR} {int(status)}"
        else:
            yield "no answer before the deadline" if requests.left[place] else "never sent"


def _walks(run: RunData) -> list[list[str]]:
    walks: list[list[str]] = [[] for _ in range(len(run.columns.requests))]
    attempts = run.columns.attempts
    for request, provider in zip(attempts.request, attempts.provider, strict=True):
        walks[request].append(run.columns.providers[provider])
    return walks


def _waits(run: RunData, phases: Sequence[str]) -> Iterator[tuple[Fact, float]]:
    """Yield the mean time to an answer in each phase, and the median waits before retries and fallbacks."""
    requests, attempts, names = run.columns.requests, run.columns.attempts, run.columns.providers
    waits: dict[Fact, list[float]] = defaultdict(list)
    for pairs, words in ((run.gaps, "wait before a retry at {0}"), (run.switches, "wait before {1} after {0} failed")):
        for before, after, gap_ns in zip(pairs.before, pairs.after, pairs.gap_ns, strict=True):
            phase = phases[requests.phase[attempts.request[before]]]
            subject = words.format(names[attempts.provider[before]], names[attempts.provider[after]])
            waits[Fact("wait", phase, subject)].append(float(gap_ns))
    yield from ((fact, median(lengths)) for fact, lengths in waits.items())
    for place, phase in enumerate(phases):
        latency_ns = run.journeys.latency_ns[requests.phase == place]
        if len(latency_ns):
            yield Fact("wait", phase, _TIME), float(latency_ns.mean())


def _facts(before: Sequence[Behaviour], after: Sequence[Behaviour]) -> dict[Fact, None]:
    return dict.fromkeys(fact for behaviour in (*before, *after) for fact in behaviour)


def _numbers(fact: Fact, runs: Sequence[Behaviour]) -> list[float]:
    absent = math.nan if fact.aspect == "wait" else 0.0  # a wait that never was has no length
    return [run.get(fact, absent) for run in runs]


def _shown(fact: Fact, old: Sequence[float], new: Sequence[float]) -> int:
    """Return how many runs of each chain lie beyond the range of the other, all on the same side."""
    later, earlier = _beyond(fact, new, old), _beyond(fact, old, new)
    return max(min(later.count(way), earlier.count(-way)) for way in (1, -1))


def _beyond(fact: Fact, numbers: Sequence[float], others: Sequence[float]) -> list[int]:
    """Return for each number 1 if it lies above the range of the others, -1 if below, 0 if within or if there is no number."""
    known = [other for other in others if not math.isnan(other)]
    if not known:
        return [0] * len(numbers)
    low, high = min(known), max(known)
    slack = max(_least(fact, fmean(known)), high - low)
    return [int(number > high + slack) - int(number < low - slack) for number in numbers]


def _least(fact: Fact, number: float) -> float:
    """Return by how much a number must differ to matter."""
    if fact.aspect == "wait":
        return max(float(TIME_MIN_NS), SHARE_MIN * number)
    return {"attempts": _ATTEMPTS_MIN, "finding": 0.5}.get(fact.aspect, _OUTCOME_MIN)


def _trend(fact: Fact, differences: Mapping[Fact, float]) -> Trend:
    """Return whether a difference is better or worse.

    Callers who are served better or worse decide about everything else in their phase. A truncated answer that passes for a
    whole one is worse than an error.

    Args:
        fact: What differs.
        differences: All that differ, each by how much the second chain has more.
    """
    served, deceived = (differences.get(Fact("outcome", fact.phase, name), 0.0) for name in (SERVED, _INCOMPLETE))
    better = served - deceived
    if fact.aspect == "finding" or (not better and (fact.aspect == "attempts" or fact.subject == _TIME)):
        better = -differences[fact]
    if not better:
        return Trend.OTHER
    return Trend.BETTER if better > 0 else Trend.WORSE


def _weight(effect: Effect) -> tuple[int, int, str]:
    """Return the place of an effect: what callers get first, then what was done for it; another error comes late."""
    fact = effect.fact
    place = [*_KINDS].index("wait" if fact.aspect == "outcome" and effect.trend is Trend.OTHER else fact.aspect)
    return place, int(fact.subject in (SERVED, _TIME)), fact.subject
