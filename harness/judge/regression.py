"""Is it worse than it was? Two runs of a scenario, or two sets of them, number by number and check by check.

docs/guides/ci.md says the same in words. The run is the unit wherever there are enough of them: requests of one run share
its bursts and its fault windows, so many requests make no proof that many runs would.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np

from harness.judge import words
from harness.judge.intervals import MEAN_SAMPLES_MIN, Interval, mean_interval
from harness.judge.result import Metrics, Status, Value, Verdict
from harness.judge.score import over_runs

TIME_MIN_NS = 50_000_000
"""Two times that differ by no more are the same: stamps are that exact, and no caller feels it."""
SHARE_MIN = 0.05
"""So much of the earlier number must a change be, shares of requests aside."""
_QUANTILES = ("p50", "p95", "p99")
_BIGGER = ("success_rate", "goodput", "success_after_fallback", "retry_after_honoured")
_SMALLER = (
    *(f"{metric}_{part}" for metric in ("latency", "ttft", "fallback_overhead") for part in _QUANTILES),
    "amplification",
    "amplification_peak",
    "primary_attempts_in_outage",
    "time_to_fallback",
    "time_to_recover",
    "wasted_tokens",
    "cost",
    "zombie_attempts",
)
BETTER: dict[str, Literal[1, -1]] = {**dict.fromkeys(_BIGGER, 1), **dict.fromkeys(_SMALLER, -1)}
"""The numbers that are compared, and whether more of it is better (1) or worse (-1)."""


class Trend(StrEnum):
    """What became of a number: `same` if it changed too little to matter, `unknown` if chance may be all there is to it."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run, as far as a comparison needs it.

    Attributes:
        metrics: Its numbers.
        verdict: Its answer; None where only the numbers were kept.
    """

    metrics: Metrics
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number, before and after.

    Attributes:
        metric: As in metrics.json.
        phase: As in metrics.json; `run` for the whole run.
        unit: Of all numbers here.
        before: Of one run its own; of several their mean.
        after: The same.
        before_ci: 95 % interval of `before`; None where it has none.
        after_ci: 95 % interval of `after`.
        difference: what was added to `before`, of the runs that have both.
        difference_ci: Its 95 % interval, from five pairs on.
        trend: What that comes to.
    """

    metric: str
    phase: str
    unit: str
    before: float | None
    after: float | None
    before_ci: Interval | None
    after_ci: Interval | None
    difference: float | None
    difference_ci: Interval | None
    trend: Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question, answered before and after.

    Attributes:
        text: The expectation as written, or the finding's id.
        before: The worst answer of all runs; None where it was not asked.
        after: The same.
    """

    text: str
    before: Status | None
    after: Status | None

    @property
    def broken(self) -> bool:
        """It passed, and now it fails."""
        return self.before is Status.PASS and self.after is Status.FAIL


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """One thing that became worse.

    Attributes:
        message: For people, in one line.
        check: The check that broke; empty for a number.
        metric: The number; empty for a check.
        phase: The number's.
    """

    message: str
    check: str = ""
    metric: str = ""
    phase: str = ""

    @property
    def name(self) -> str:
        """What it is about, as an expectation would name it."""
        return self.check or f"{self.metric} in {self.phase}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed.

    Attributes:
        changes: Numbers that both have, phase by phase.
        checks: Expectations, and required findings.
        pairs: Runs that were compared.
        paired: Each pair had the same arrivals and the same faults.
    """

    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    pairs: int
    paired: bool

    @property
    def regressions(self) -> tuple[Regression, ...]:
        """What became worse: checks first."""
        checks = [
            Regression(check=check.text, message=f"{check.text}: passed, now fails")
            for check in self.checks
            if check.broken
        ]
        numbers = [
            Regression(metric=change.metric, phase=change.phase, message=_told(change))
            for change in self.changes
            if change.trend is Trend.WORSE
        ]
        return (*checks, *numbers)


def compare(pairs: Sequence[tuple[Side, Side]], *, paired: bool) -> Comparison:
    """Return what changed between runs.

    Args:
        pairs: Each an earlier and a later run of the same scenario with the same seed; at least one.
        paired: Each pair had the same arrivals and faults, so that its difference means something by itself.
    """
    before, after = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    phases = [
        name for name in before[0].metrics.phases if all(name in side.metrics.phases for side in (*before, *after))
    ]
    changes = [
        _change(metric, phase, [side.metrics.phases[phase].get(metric) for side in before],
                [side.metrics.phases[phase].get(metric) for side in after], paired=paired)
        for phase in phases
        for metric in BETTER
        if metric in before[0].metrics.phases[phase] and metric in after[0].metrics.phases[phase]
    ]  # fmt: skip
    return Comparison(changes=tuple(changes), checks=_checks(before, after), pairs=len(pairs), paired=paired)


def _change(
    metric: str, phase: str, before: Sequence[Value | None], after: Sequence[Value | None], *, paired: bool
) -> Change:
    both = [(old, new) for old, new in zip(before, after, strict=True) if _known(old) and _known(new)]
    olds, news = [old.value for old, _ in both], [new.value for _, new in both]  # type: ignore[union-attr]
    unit = next((value.unit for value in (*before, *after) if value is not None), "")
    differences = [new - old for old, new in zip(olds, news, strict=True)]  # type: ignore[operator]
    around = mean_interval(np.array(differences)) if paired and len(both) >= MEAN_SAMPLES_MIN else None
    old, old_ci = _summary([value for value in before if _known(value)])
    new, new_ci = _summary([value for value in after if _known(value)])
    trends = [_apart(metric, old, old_ci, new, new_ci)]
    if around is not None:
        middle = float(np.mean(differences))
        trends = [_moved(metric, float(np.mean(olds)), middle, apart=around[0] > 0 or around[1] < 0)]  # type: ignore[arg-type]
    elif len(both) < MEAN_SAMPLES_MIN:
        trends = [_apart(metric, a.value, a.ci, b.value, b.ci) for a, b in both]  # type: ignore[union-attr]
    return Change(
        metric=metric,
        phase=phase,
        unit=unit,
        before=old,
        after=new,
        before_ci=old_ci,
        after_ci=new_ci,
        difference=float(np.mean(differences)) if differences else None,
        difference_ci=around,
        trend=_worst(trends),
    )


def _known(value: Value | None) -> bool:
    return value is not None and value.value is not None


def _summary(values: Sequence[Value | None]) -> tuple[float | None, Interval | None]:
    found = [value for value in values if value is not None]
    if len(found) == 1:
        return found[0].value, found[0].ci
    numbers = [value.value for value in found if value.value is not None]
    if not numbers:
        return None, None
    return over_runs(numbers)


def _apart(
    metric: str, old: float | None, old_ci: Interval | None, new: float | None, new_ci: Interval | None
) -> Trend:
    """Return the trend of two numbers that are known apart only by their intervals."""
    if old is None or new is None:
        return Trend.UNKNOWN
    known = old_ci is not None and new_ci is not None
    apart = known and (old_ci[1] < new_ci[0] or new_ci[1] < old_ci[0])  # type: ignore[index]
    return _moved(metric, old, new - old, apart=apart)


def _moved(metric: str, old: float, difference: float, *, apart: bool) -> Trend:
    if abs(difference) <= least(metric, old):
        return Trend.SAME
    if not apart:
        return Trend.UNKNOWN
    return Trend.BETTER if difference * BETTER[metric] > 0 else Trend.WORSE


def least(metric: str, old: float) -> float:
    """Return the change that a number may show without counting as changed.

    Args:
        metric: As in metrics.json.
        old: The earlier number.
    """
    if metric in ("success_rate", "success_after_fallback", "retry_after_honoured"):
        return 0.0
    share = SHARE_MIN * abs(old)
    timed = metric.startswith("time_to_") or metric.rpartition("_")[2] in _QUANTILES
    return max(share, TIME_MIN_NS) if timed else share


def _worst(trends: Iterable[Trend]) -> Trend:
    """Return worse if any is, else better if any is, else unknown if any is."""
    order = (Trend.SAME, Trend.UNKNOWN, Trend.BETTER, Trend.WORSE)
    return max(trends, key=order.index, default=Trend.UNKNOWN)


def _checks(before: Sequence[Side], after: Sequence[Side]) -> tuple[Check, ...]:
    old, new = _answers(before), _answers(after)
    return tuple(Check(text=text, before=old.get(text), after=new.get(text)) for text in {**old, **new})


def _answers(sides: Sequence[Side]) -> dict[str, Status]:
    """Return the worst answer to each check over some runs: fail beats inconclusive beats pass."""
    order = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL)
    found: dict[str, Status] = {}
    for side in sides:
        if side.verdict is None:
            continue
        answers = [(row.text, row.status) for row in side.verdict.expectations]
        asked = {row.metric for row in side.verdict.expectations}
        answers += [
            (row.id, row.status) for row in side.verdict.findings if row.severity == "required" and row.id not in asked
        ]
        for text, status in answers:
            found[text] = max(found.get(text, Status.PASS), status, key=order.index)
    return found


def _told(change: Change) -> str:
    old, new = (
        f"{words.number(value if value is not None else math.nan, change.unit)}{words.interval(ci, change.unit)}"
        for value, ci in ((change.before, change.before_ci), (change.after, change.after_ci))
    )
    return f"{change.metric} in {change.phase}: was {old}, is {new}"
