"""The same run with one setting changed: what became of each request in both, and which differences are no chance.

Both have the same arrivals and the same draws, so they are compared request by request: of those that a setting changed at all,
as many would do better as worse if it did nothing (the sign test, exact). All settings that were tried share the alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.judge.comparison.chance import ALARM
from harness.judge.comparison.regression import SHARE_MIN, TIME_MIN_NS
from harness.judge.result import Finding, Status, Value, Verdict
from harness.judge.run_data import RunData
from harness.judge.tables.spending import billed_usd
from harness.quantities import amount

REPRODUCED_BY = ("success_rate", "latency_p50", "latency_p95")
"""By which numbers of each phase a simulation must be like the run that it is to explain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of each request of a run, in the plan's order, and its answer.

    Attributes:
        unserved: It got no complete answer.
        latency_ns: Until its complete answer; None without one.
        attempts: How many it made that a fault hit.
        cost_usd: What it cost; None where the price of an attempt is not known.
        verdict: The answer.
    """

    unserved: tuple[bool, ...]
    latency_ns: tuple[float | None, ...]
    attempts: tuple[int, ...]
    cost_usd: tuple[float, ...] | None
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One number before and after.

    Attributes:
        before: As the run was.
        after: With the setting changed.
        better: How many requests do better by it.
        worse: How many do worse.
        sure: That is no chance.
    """

    before: float
    after: float
    better: int
    worse: int
    sure: bool

    @property
    def gained(self) -> bool:
        """Whether it is less, and no chance."""
        return self.sure and self.after < self.before and self.better > self.worse

    @property
    def lost(self) -> bool:
        """Whether it is more, and no chance."""
        return self.sure and self.after > self.before and self.worse > self.better


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedSetting:
    """A run with one setting changed. Of every number less is better.

    Attributes:
        label: The setting, as the file calls it.
        before: Its value in the file; None if the file says nothing.
        after: Its value in this run.
        diff: The user's file with it, as a unified diff with keys masked.
        mends: What failed the run, and is met now, in words.
        breaks: What was met, and no longer is, in words.
        unserved: Requests without a complete answer.
        latency_ns: Mean time to a complete answer, of the requests that got one both times; None where none did.
        answer_ns: Mean time to a complete answer with the setting, of all requests that got one; None where none did.
        attempts: Those that a fault hit.
        cost_usd: Of all attempts; None where a price is not known.
        helps: It is worth advising.
    """

    label: str
    before: Any
    after: Any
    diff: tuple[str, ...]
    mends: tuple[str, ...]
    breaks: tuple[str, ...]
    unserved: Moved
    latency_ns: Moved | None
    answer_ns: float | None
    attempts: Moved
    cost_usd: Moved | None
    helps: bool

    @property
    def weight(self) -> tuple[float, ...]:
        """Its place among others: what mends most comes first, then what serves most requests, then what they wait for."""
        return (
            len(self.breaks) - len(self.mends),
            self.unserved.after - self.unserved.before,
            self.answer_ns or 0.0,
            self.attempts.after - self.attempts.before,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRemedies:
    """What single settings would have changed in a run.

    Attributes:
        file: The user's file, as it was named.
        tried: Every setting that was tried, what helps most first.
        left_out: How many others there are: the work was interrupted, or the file or the chain does not take them.
        reason: Why none was tried; empty if some were.
        requests: How many requests the run has.
        answer_ns: How long complete answers took, the median; None where there were none.
    """

    file: str
    tried: tuple[TriedSetting, ...] = ()
    left_out: int = 0
    reason: str = ""
    requests: int = 0
    answer_ns: float | None = None

    @property
    def helpful(self) -> list[TriedSetting]:
        """The best value of each setting that helps, what helps most first."""
        best: dict[str, TriedSetting] = {}
        for each in self.tried:
            if each.helps:
                best.setdefault(each.label, each)
        return list(best.values())


def outcomes(run: RunData, verdict: Verdict) -> Outcomes:
    """Return what became of each request of a run."""
    requests, attempts = run.columns.requests, run.columns.attempts
    size = len(requests)
    billed = billed_usd(attempts)
    served = requests.complete
    return Outcomes(
        unserved=tuple(map(bool, ~served)),
        latency_ns=tuple(float(ns) if ok else None for ns, ok in zip(run.journeys.latency_ns, served, strict=True)),
        attempts=tuple(map(int, np.bincount(attempts.request[attempts.touched], minlength=size))),
        cost_usd=None
        if np.isnan(billed).any()
        else tuple(map(float, np.bincount(attempts.request, weights=billed, minlength=size))),
        verdict=verdict,
    )


def tried_setting(
    label: str, values: tuple[Any, Any], diff: Sequence[str], *, was: Outcomes, now: Outcomes, tried: int
) -> TriedSetting:
    """Return what a setting changed.

    Args:
        label: The setting's.
        values: Before and after.
        diff: Of the file.
        was: The run as it was.
        now: The run with it.
        tried: How many settings are tried in all.
    """
    unserved = _moved(was.unserved, now.unserved, tried)
    both = [(old, new) for old, new in zip(was.latency_ns, now.latency_ns, strict=True) if old is not None is not new]
    waits = None
    if both:
        old, new = zip(*both, strict=True)
        waits = _mean(_moved(old, new, tried, least=TIME_MIN_NS), len(both))
    attempts = _moved(was.attempts, now.attempts, tried)
    cost = None
    if was.cost_usd is not None and now.cost_usd is not None:
        cost = _moved(was.cost_usd, now.cost_usd, tried)
    sure = any(moved is not None and moved.gained for moved in (unserved, waits, attempts, cost))
    mends = [*_expected(was, now, Status.FAIL, Status.PASS)] if sure else []
    mends += [*_found(was, now, tried)]
    breaks = (*_expected(was, now, Status.PASS, Status.FAIL, Status.INCONCLUSIVE), *_found(now, was, None))
    sooner = waits is not None and waits.gained and waits.before - waits.after >= SHARE_MIN * waits.before
    no_more_lost = unserved.after <= unserved.before
    helps = not unserved.lost and bool(mends or (not breaks and (unserved.gained or (sooner and no_more_lost))))
    return TriedSetting(
        label=label,
        before=values[0],
        after=values[1],
        diff=tuple(diff),
        mends=tuple(mends),
        breaks=breaks,
        unserved=unserved,
        latency_ns=waits,
        answer_ns=_mean_of([ns for ns in now.latency_ns if ns is not None]),
        attempts=attempts,
        cost_usd=cost,
        helps=helps,
    )


def unlike(
    ran: Verdict, simulated: Verdict, numbers: dict[str, dict[str, Value]], of_sim: dict[str, dict[str, Value]]
) -> str:
    """Return in what a simulation differs from the run that it is to explain; empty if in nothing that matters.

    Args:
        ran: The run's verdict.
        simulated: The simulation's.
        numbers: The run's numbers by phase.
        of_sim: The simulation's.
    """
    if ran.status is not simulated.status:
        return f"the run's verdict is {ran.status}, the simulation's {simulated.status}"
    for row, again in zip(ran.expectations, simulated.expectations, strict=True):
        if row.status is not again.status:
            sides = " against ".join(amount(each.observed, each.unit, limit=each.limit) for each in (row, again))
            return f"`{row.text}`: {sides} in the simulation"
    for phase, values in numbers.items():
        for name in REPRODUCED_BY:
            old, new = values.get(name), of_sim.get(phase, {}).get(name)
            if old is not None and new is not None and not _alike(old, new):
                return f"{name} in {phase}: {amount(old.value, old.unit)} against {amount(new.value, new.unit)} in the simulation"
    return ""


def _alike(old: Value, new: Value) -> bool:
    """Return whether two numbers may be of one chain: their intervals overlap, or they are as close as it matters."""
    if old.value is None or new.value is None:
        return old.value is new.value
    least = max(SHARE_MIN * abs(old.value), TIME_MIN_NS if old.unit == "ns" else 0.0)
    if abs(old.value - new.value) <= least:
        return True
    lows, highs = zip(*(each.ci or (each.value, each.value) for each in (old, new)), strict=True)
    return bool(max(lows) <= min(highs))


def _moved(was: Sequence[float], now: Sequence[float], tried: int, *, least: float = 1e-12) -> Moved:
    gains = np.asarray(was, dtype=np.float64) - np.asarray(now, dtype=np.float64)
    better, worse = int((gains > least).sum()), int((gains < -least).sum())
    sure = chance_of_signs(better, worse) <= ALARM / max(tried, 1)
    return Moved(before=math.fsum(was), after=math.fsum(now), better=better, worse=worse, sure=sure)


def _mean_of(lengths: Sequence[float]) -> float | None:
    return math.fsum(lengths) / len(lengths) if lengths else None


def _mean(moved: Moved, size: int) -> Moved:
    return Moved(
        before=moved.before / size,
        after=moved.after / size,
        better=moved.better,
        worse=moved.worse,
        sure=moved.sure,
    )


def chance_of_signs(better: int, worse: int) -> float:
    """Return how likely so uneven a split is if either side is as likely (the exact two-sided sign test)."""
    size, most = better + worse, max(better, worse)
    logs = (math.lgamma(size + 1) - math.lgamma(k + 1) - math.lgamma(size - k + 1) for k in range(most, size + 1))
    return min(1.0, 2 * math.fsum(math.exp(log - size * math.log(2)) for log in logs))


def _expected(was: Outcomes, now: Outcomes, before: Status, *after: Status) -> Iterator[str]:
    """Yield the expectations whose answer was one and is another now, with what was observed."""
    for old, new in zip(was.verdict.expectations, now.verdict.expectations, strict=True):
        if old.status is before and new.status in after:
            open_ = ", too few samples to decide" if new.status is Status.INCONCLUSIVE else ""
            sides = " → ".join(amount(row.observed, row.unit, limit=row.limit) for row in (old, new))
            yield f"`{old.text}` ({sides}{open_})"


def _found(was: Outcomes, now: Outcomes, tried: int | None) -> Iterator[str]:
    """Yield the required findings that one run has and the other has not, if that is no chance; all of them if None."""
    there = {each.id: each for each in now.verdict.findings}
    for found in _failing(was.verdict):
        other = there.get(found.id)
        if other is not None and other.status is Status.FAIL:
            continue
        if tried is None or chance_of_signs(found.count, 0) <= ALARM / max(tried, 1):
            yield found.id


def _failing(verdict: Verdict) -> Iterator[Finding]:
    yield from (each for each in verdict.findings if each.status is Status.FAIL and each.severity == "required")
