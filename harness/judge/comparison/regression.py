"""Compares two runs of a scenario, or two sets of runs, number by number and check by check.

docs/guides/ci.md explains it to users. The run is the unit: requests of one run share its bursts and its fault windows,
so many requests do not replace many runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.judge.comparison.chance import ALARM, chances, pairs_needed
from harness.judge.comparison.changes import Change, Check, Comparison, Side, Trend
from harness.judge.findings import FINDINGS
from harness.judge.intervals import MEAN_SAMPLES_MIN, Interval, mean_interval
from harness.judge.metrics import METRICS, Metric, key
from harness.judge.metrics.kinds import Observations, Proportion
from harness.judge.result import Status, Value
from harness.judge.score import over_runs
from harness.judge.tables.columns import Floats

TIME_MIN_NS = 50_000_000
"""Two times that differ by no more are the same: stamps are no more exact, and no caller notices."""
_NEVER = 10.0
"""What never came is taken for so many times the largest finite number."""
SHARE_MIN = 0.05
"""The smallest change that matters, as a share of the earlier number; of shares of requests every change matters."""
COMPARED_QUANTILES = ("p50", "p95", "p99")
"""The quantiles of a distribution that are compared."""
COMPARED: Mapping[str, Metric] = {
    key(metric.name, statistic): metric
    for metric in METRICS.values()
    if metric.better is not None and "phase" in metric.groups
    for statistic in (COMPARED_QUANTILES if metric.kind is Observations else ("",))
}
"""The numbers that are compared, as in metrics.json."""
Values = Sequence[Value | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """One number or check in all pairs, with the sign chosen so that larger is worse; NaN if unknown.

    Attributes:
        before: Of the earlier runs.
        after: Of the later ones.
        share: What a change must be to matter, as a share of the earlier mean.
        floor: What it must be at least.
    """

    before: Floats
    after: Floats
    share: float = 0.0
    floor: float = 0.0

    @property
    def both(self) -> NDArray[np.bool_]:
        """Where both are known."""
        return ~np.isnan(self.after - self.before)

    @property
    def pointing(self) -> Trend:
        """The direction in which it moved, even if chance can explain it; `same` if by too little to matter."""
        if not self.both.any():
            return Trend.UNKNOWN
        old, new = float(self.before[self.both].mean()), float(self.after[self.both].mean())
        if abs(new - old) <= max(self.share * abs(old), self.floor):
            return Trend.SAME
        return Trend.WORSE if new > old else Trend.BETTER


def compare(pairs: Sequence[tuple[Side, Side]], *, paired: bool, cells: int = 1) -> Comparison:
    """Return what changed between runs of a cell.

    Args:
        pairs: Each an earlier and a later run of the same scenario, of the same seed if there is one; at least one.
        paired: Each pair had the same arrivals and faults.
        cells: How many cells are compared at once; all of them together have one rate of false alarms.
    """
    before, after = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    found = {
        (phase, metric): (_values(before, phase, metric), _values(after, phase, metric))
        for phase in before[0].metrics.phases
        if all(phase in side.metrics.phases for side in (*before, *after))
        for metric in COMPARED
        if metric in before[0].metrics.phases[phase] and metric in after[0].metrics.phases[phase]
    }
    answers = [_answers(side) for side in before], [_answers(side) for side in after]
    texts = list(dict.fromkeys(text for side in (*answers[0], *answers[1]) for text in side))
    numbers = [_numbers(metric, *values) for (_, metric), values in found.items()]
    checks = [_failures(text, before, after) for text in texts]
    trends = _trends([*numbers, *checks], ALARM / cells)
    return Comparison(
        changes=tuple(
            _change(metric, phase, *values, column=column, trend=trend)
            for ((phase, metric), values), column, trend in zip(found.items(), numbers, trends, strict=False)
        ),
        checks=tuple(
            _check(text, *answers, column=column, trend=trend)
            for text, column, trend in zip(texts, checks, trends[len(numbers) :], strict=True)
        ),
        pairs=len(pairs),
        needed=pairs_needed(cells),
        paired=paired,
    )


def _trends(columns: Sequence[_Column], alarm: float) -> list[Trend]:
    """Return how each column changed: by enough to matter or not, and whether chance can explain it."""
    if not columns:
        return []
    share, floor = np.array([column.share for column in columns]), np.array([column.floor for column in columns])
    before, after = np.array([column.before for column in columns]), np.array([column.after for column in columns])
    worse = chances(before, after, share=share, floor=floor)
    better = chances(-before, -after, share=share, floor=floor)
    told = {Trend.WORSE: worse <= alarm, Trend.BETTER: better <= alarm}
    return [
        way if (way := column.pointing) not in told or told[way][place] else Trend.UNKNOWN
        for place, column in enumerate(columns)
    ]


def _values(sides: Sequence[Side], phase: str, metric: str) -> list[Value | None]:
    found = (side.metrics.phases[phase].get(metric) for side in sides)
    return [value if value is not None and value.value is not None else None for value in found]


def _numbers(metric: str, before: Values, after: Values) -> _Column:
    old, new = _plain(before), _plain(after)
    # Arithmetic on infinity gives NaN, so what never came becomes a number beyond all others.
    never = _NEVER * float(np.concatenate([old, new]).max(initial=1.0, where=np.isfinite(np.concatenate([old, new]))))
    old, new = (_worse(metric) * np.minimum(values, never) for values in (old, new))
    share, floor = least(metric)
    return _Column(before=old, after=new, share=share, floor=floor)


def _plain(values: Values) -> Floats:
    return np.array([math.nan if value is None else value.value for value in values], dtype=np.float64)


def _change(metric: str, phase: str, before: Values, after: Values, *, column: _Column, trend: Trend) -> Change:
    old, old_ci = _summary(before)
    new, new_ci = _summary(after)
    plain = _plain(before)[column.both], _plain(after)[column.both]
    differences = np.subtract(plain[1], plain[0], out=np.zeros(len(plain[0])), where=plain[0] != plain[1])
    enough = len(differences) >= MEAN_SAMPLES_MIN and bool(np.isfinite(differences).all())
    return Change(
        metric=metric,
        phase=phase,
        unit=next((value.unit for value in (*before, *after) if value is not None), ""),
        before=old,
        after=new,
        before_ci=old_ci,
        after_ci=new_ci,
        difference=float(differences.mean()) if len(differences) else None,
        difference_ci=mean_interval(differences) if enough else None,
        trend=trend,
        pointing=column.pointing,
    )


def _summary(values: Values) -> tuple[float | None, Interval | None]:
    found = [value for value in values if value is not None]
    if len(found) == 1:
        return found[0].value, found[0].ci
    numbers = [value.value for value in found if value.value is not None]
    return over_runs(numbers) if numbers else (None, None)


def _worse(number: str) -> int:
    """Return the sign that turns a number so that more of it is worse."""
    return 1 if COMPARED[number].better == "less" else -1


def least(number: str) -> tuple[float, float]:
    """Return the change that a number may show without counting as changed: a share of the earlier number, or at least so much.

    Args:
        number: As in metrics.json.
    """
    metric = COMPARED[number]
    if metric.kind is Proportion:
        return 0.0, 0.0
    return SHARE_MIN, TIME_MIN_NS if metric.about_time else 0.0


def _answers(side: Side) -> dict[str, Status]:
    """Return a run's answer to each check: its expectations, and the required findings that none of them asks for."""
    verdict = side.verdict
    if verdict is None:
        return {}
    asked = {row.metric for row in verdict.expectations}
    found = {row.text: row.status for row in verdict.expectations}
    return found | {
        row.id: row.status for row in verdict.findings if row.severity == "required" and row.id not in asked
    }


Answers = Sequence[dict[str, Status]]


def _failures(text: str, before: Sequence[Side], after: Sequence[Side]) -> _Column:
    old, new = (np.array([_failure(text, side) for side in sides]) for sides in (before, after))
    return _Column(before=old, after=new)


def _failure(text: str, side: Side) -> float:
    """Return 1 if a check failed, 0 if it passed, NaN if unknown; a finding that no request could show counts as passed."""
    known = {Status.PASS: 0.0, Status.FAIL: 1.0}
    answer = _answers(side).get(text)
    if answer is not None or side.verdict is None or not side.sound:
        return known.get(answer or Status.INCONCLUSIVE, math.nan)
    asked = {row.metric for row in side.verdict.expectations}
    required = text in FINDINGS.own and FINDINGS.own[text].severity == "required"
    return 0.0 if required and text not in asked else math.nan


def _check(text: str, before: Answers, after: Answers, *, column: _Column, trend: Trend) -> Check:
    old, new = (column.before[column.both], column.after[column.both])
    return Check(
        text=text,
        before=_worst(before, text),
        after=_worst(after, text),
        failed=(int(old.sum()), int(new.sum())),
        pairs=len(old),
        trend=trend,
    )


def _worst(side: Answers, text: str) -> Status | None:
    order = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL)
    return max((answers[text] for answers in side if text in answers), key=order.index, default=None)
