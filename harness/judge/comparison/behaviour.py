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
_UNITS: Mapping[FactKind, str] = {
    "outcome": "share",
    "finding": "count",
    "order": "share",
    "attempts": "count",
    "wait": "ns",
}
"""What matters most to callers first: the first effect of a change names it."""
RUNS = 5
"""Runs of each chain that a difference is judged by."""
_SHOWN_MIN = 4
"""How many of them must show it."""
_OUTCOME_MIN = 0.01
_ATTEMPTS_MIN = 0.05

SERVED = "served"
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

        One change of a backoff moves every wait, so waits differ by their direction alone.
        """
        subject = "" if self.fact.aspect == "wait" else self.fact.subject
        return self.fact.aspect, subject, self.after > self.before

    @property
    def unit(self) -> str:
        """The unit of both numbers."""
        return _UNITS[self.fact.aspect]

    @property
    def text(self) -> str:
        """For people, without the phase."""
        aspect, _, subject = self.fact
        if aspect == "finding":
            name = FINDINGS[subject].name if subject in FINDINGS else subject
            return f"{name}: {'now' if self.after > self.before else 'no longer'}"
        sides = f"{amount(self.before, self.unit)} → {amount(self.after, self.unit)}"
        if aspect == "attempts":
            return f"attempts at {subject} for each request {sides}"
        return f"asked {subject}: {sides} of requests" if aspect == "order" else f"{subject} {sides}"


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
    found = []
    needed = min(_SHOWN_MIN, len(before))
    for fact in _facts(before, after):
        old, new = _numbers(fact, before), _numbers(fact, after)
        if _shown(fact, old, new) >= needed:
            service = _service(fact.phase, after) - _service(fact.phase, before)
            old_one, new_one = (median(number for number in side if not math.isnan(number)) for side in (old, new))
            trend = _trend(fact, new_one - old_one, service)
            found.append(Effect(fact=fact, before=old_one, after=new_one, trend=trend))
    return tuple(sorted(found, key=_weight))


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


def phrases(effects: Sequence[Effect]) -> list[str]:
    """Return effects for people, each with its phase if there are several."""
    several = len({each.fact.phase for each in effects if each.fact.phase}) > 1
    return [f"in {each.fact.phase}: {each.text}" if several and each.fact.phase else each.text for each in effects]


def _outcomes(run: RunData) -> Iterator[str]:
    requests = run.columns.requests
    for place, status in enumerate(requests.status):
        if requests.ok[place]:
            yield SERVED if requests.complete[place] else _INCOMPLETE
        elif requests.truncated[place]:
            yield "an answer that broke off"
        elif requests.failed[place]:
            yield "an error without a status" if math.isnan(status) else f"error {int(status)}"
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


def _service(phase: str, runs: Sequence[Behaviour]) -> float:
    """Return how well callers were served: a truncated answer that passes for a whole one is worse than an error."""
    served, deceived = (Fact("outcome", phase, subject) for subject in (SERVED, _INCOMPLETE))
    return fmean(run.get(served, 0.0) - run.get(deceived, 0.0) for run in runs)


def _trend(fact: Fact, difference: float, service: float) -> Trend:
    """Return whether a difference is better or worse.

    Args:
        fact: What differs.
        difference: Of the second chain from the first.
        service: By how much callers are served better in the same phase; negative if worse.
    """
    less_is_better = fact.aspect in ("attempts", "finding") or fact.subject == _TIME
    if fact.aspect == "outcome" or (abs(service) > _OUTCOME_MIN and fact.aspect != "finding"):
        better = service
    elif less_is_better:
        better = -difference
    else:
        return Trend.OTHER
    if abs(better) <= (_OUTCOME_MIN if fact.aspect == "outcome" else 0.0):
        return Trend.OTHER
    return Trend.BETTER if better > 0 else Trend.WORSE


def _weight(effect: Effect) -> tuple[int, int, str]:
    fact = effect.fact
    return [*_UNITS].index(fact.aspect), int(fact.subject in (SERVED, _TIME)), fact.subject
