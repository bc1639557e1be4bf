"""The result of a comparison: numbers and checks before and after, and what became worse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from harness.judge.intervals import Interval
from harness.judge.result import Metrics, Status, Verdict
from harness.quantities import amount, interval


class Trend(StrEnum):
    """How a number changed: `same` if by too little to matter, `unknown` if chance can explain it, `other` if neither way is better."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "unknown"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One run, as far as a comparison needs it.

    Attributes:
        metrics: Its numbers.
        verdict: Its answer; None where only the numbers were kept.
    """

    metrics: Metrics
    verdict: Verdict | None = None

    @property
    def sound(self) -> bool:
        """Whether its numbers mean anything: a run whose own health is bad has inconclusive answers only."""
        if self.verdict is None:
            return True
        answers = [row.status for row in self.verdict.expectations] + [row.status for row in self.verdict.findings]
        return any(status is not Status.INCONCLUSIVE for status in (self.verdict.status, *answers))


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
        difference: `after` less `before`, the mean over the pairs that have both.
        difference_ci: Its 95 % interval, from five pairs on.
        trend: How it changed.
        pointing: The direction in which it moved if by enough to matter, even if chance can explain that; else `same`.
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
    pointing: Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question, answered before and after.

    Attributes:
        text: The expectation as written, or the finding's id.
        before: The worst answer of all runs; None where it was not asked.
        after: The same.
        failed: In how many pairs it failed, before and after, of those in which both runs passed or failed.
        pairs: How many these are.
        trend: How it changed.
    """

    text: str
    before: Status | None
    after: Status | None
    failed: tuple[int, int]
    pairs: int
    trend: Trend

    @property
    def pointing(self) -> Trend:
        """The direction in which it moved, even if chance can explain that."""
        before, after = self.failed
        return Trend.SAME if before == after else Trend.WORSE if after > before else Trend.BETTER


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
        changes: Numbers common to both, phase by phase.
        checks: Expectations, and required findings.
        pairs: Runs that were compared.
        needed: Pairs without which chance can explain any change.
        paired: Each pair had the same arrivals and the same faults.
    """

    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    pairs: int
    needed: int
    paired: bool

    @property
    def regressions(self) -> tuple[Regression, ...]:
        """What became worse: checks first."""
        return _told(
            [check for check in self.checks if check.trend is Trend.WORSE],
            [change for change in self.changes if change.trend is Trend.WORSE],
        )

    @property
    def answer(self) -> Trend:
        """Worse if anything is, else better if anything is; `unknown` where there is no evidence of either."""
        found = {*(check.trend for check in self.checks), *(change.trend for change in self.changes)}
        return next((trend for trend in (Trend.WORSE, Trend.BETTER) if trend in found), Trend.UNKNOWN)

    @property
    def open(self) -> tuple[Regression, ...]:
        """What looks worse, with too few pairs to know whether it is: that is no pass."""
        few = self.pairs < self.needed
        return _told(self._open_checks, [change for change in self.changes if few and _perhaps(change)])

    @property
    def more(self) -> int:
        """How many more pairs would decide all that is open."""
        return max(0, self.needed - min([self.pairs, *(check.pairs for check in self._open_checks)]))

    @property
    def _open_checks(self) -> list[Check]:
        """Of a check only those pairs count in which both runs passed or failed."""
        return [check for check in self.checks if check.pairs < self.needed and _perhaps(check)]


def _perhaps(found: Change | Check) -> bool:
    return found.trend is Trend.UNKNOWN and found.pointing is Trend.WORSE


def _told(checks: Iterable[Check], changes: Iterable[Change]) -> tuple[Regression, ...]:
    return (
        *(Regression(check=check.text, message=_broken(check)) for check in checks),
        *(Regression(metric=change.metric, phase=change.phase, message=_moved(change)) for change in changes),
    )


def _broken(check: Check) -> str:
    if check.pairs == 1:
        return f"{check.text}: {'was not seen' if check.before is None else 'passed'}, now fails"
    before, after = check.failed
    return f"{check.text}: failed in {before} of {check.pairs} runs, now in {after}"


def _moved(change: Change) -> str:
    old, new = (
        amount(value, change.unit) + (f" ({around})" if (around := interval(ci, change.unit)) else "")
        for value, ci in ((change.before, change.before_ci), (change.after, change.after_ci))
    )
    return f"{change.metric} in {change.phase}: was {old}, is {new}"
