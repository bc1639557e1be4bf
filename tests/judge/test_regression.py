"""Is it worse than it was: what counts as a regression, and what never does."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import ExpectationResult, Finding, Metrics, Status, Value, Verdict, metrics_json, metrics_of
from harness.judge.regression import BETTER, Check, Side, Trend, compare, least

SECOND = 1e9
UNITS = {"success_rate": "share", "latency_p95": "ns", "amplification": "ratio", "goodput": "per_s"}


def value(number: float | None, half: float | None, unit: str = "ns") -> Value:
    """Return a number with an interval around it."""
    ci = None if half is None or number is None else (number - half, number + half)
    return Value(value=number, ci=ci, samples=100, unit=unit)


def metrics(**values: Value) -> Metrics:
    """Return numbers of one phase."""
    return Metrics(phases={"fault": dict(values)}, providers={}, harness={})


def side(metric: str, number: float | None, half: float | None = 0.0, **answers: Status) -> Side:
    """Return a run with one number, and answers."""
    rows = tuple(
        ExpectationResult(
            text=text, metric="m", phase=None, status=status, observed=1, ci=None, unit="", samples=1, needed=None
        )
        for text, status in answers.items()
    )
    verdict = Verdict(status=Status.PASS, exit_code=0, expectations=rows)
    return Side(metrics=metrics(**{metric: value(number, half)}), verdict=verdict)


def trend(
    metric: str, *pairs: tuple[float | None, float | None], half: float | None = 0.0, paired: bool = True
) -> Trend:
    """Return what became of one number."""
    sides = [(side(metric, old, half), side(metric, new, half)) for old, new in pairs]
    (change,) = compare(sides, paired=paired).changes
    return change.trend


numbers = st.floats(0, 1e12, allow_nan=False)
halves = st.floats(0, 1e11, allow_nan=False)
metric_names = st.sampled_from(sorted(BETTER))


@given(metric=metric_names, number=numbers, half=halves, runs=st.integers(1, 8))
def test_nothing_changed_is_no_regression(metric: str, number: float, half: float, runs: int) -> None:
    """The same run again, or several."""
    assert trend(metric, *[(number, number)] * runs, half=half) is Trend.SAME


@given(metric=metric_names, old=numbers, new=numbers, half=halves)
def test_worse_one_way_is_better_the_other(metric: str, old: float, new: float, half: float) -> None:
    """What is a regression from A to B is none from B to A, whichever the number."""
    there, back = trend(metric, (old, new), half=half), trend(metric, (new, old), half=half)
    assert (there, back) != (Trend.WORSE, Trend.WORSE)
    assert (there, back) != (Trend.BETTER, Trend.BETTER)
    if there is Trend.WORSE:
        assert (new - old) * BETTER[metric] < 0


@given(metric=metric_names, old=numbers, new=numbers, a=halves, b=halves)
def test_one_run_each_is_worse_only_if_the_intervals_are_apart(
    metric: str, old: float, new: float, a: float, b: float
) -> None:
    """And only if the change is large enough to matter."""
    pair = (side(metric, old, a), side(metric, new, b))
    (change,) = compare([pair], paired=True).changes
    apart = old + a < new - b or new + b < old - a
    matters = abs(new - old) > least(metric, old)
    assert (change.trend is Trend.SAME) == (not matters)
    assert (change.trend in (Trend.WORSE, Trend.BETTER)) == (apart and matters)


@given(metric=metric_names, old=numbers, steps=st.lists(st.floats(0, 1e11), min_size=5, max_size=8), wide=halves)
def test_five_pairs_are_judged_by_their_differences(metric: str, old: float, steps: list[float], wide: float) -> None:
    """However wide each run's own interval: pairs share arrivals and faults, so what they share falls out."""
    pairs = [(old + place * 1e9, old + place * 1e9 + step) for place, step in enumerate(steps)]
    (change,) = compare([(side(metric, a, wide), side(metric, b, wide)) for a, b in pairs], paired=True).changes
    assert change.difference_ci is not None
    low, high = change.difference_ci
    if change.trend in (Trend.WORSE, Trend.BETTER):
        assert low > 0 or high < 0
    assert change.difference == pytest.approx(sum(steps) / len(steps), rel=1e-3, abs=1e-3 * max(old, 8e9))


def test_unpaired_runs_are_judged_by_the_intervals_of_their_means() -> None:
    """A constant difference between runs that have nothing in common is no proof by itself."""
    pairs = [(place * SECOND, place * SECOND + SECOND / 2) for place in range(1, 7)]
    assert trend("latency_p95", *pairs, paired=True) is Trend.WORSE
    assert trend("latency_p95", *pairs, paired=False) is Trend.UNKNOWN


@pytest.mark.parametrize(
    ("metric", "old", "new", "expected"),
    [
        ("latency_p95", 1 * SECOND, 1.049 * SECOND, Trend.SAME),
        ("latency_p95", 1 * SECOND, 1.051 * SECOND, Trend.WORSE),
        ("latency_p95", 0.1 * SECOND, 0.149 * SECOND, Trend.SAME),
        ("latency_p95", 10 * SECOND, 10.4 * SECOND, Trend.SAME),
        ("latency_p95", 10 * SECOND, 9 * SECOND, Trend.BETTER),
        ("success_rate", 1.0, 0.999, Trend.WORSE),
        ("goodput", 10.0, 9.6, Trend.SAME),
        ("goodput", 10.0, 9.4, Trend.WORSE),
        ("amplification", 2.0, 2.2, Trend.WORSE),
    ],
)
def test_small_changes_do_not_count(metric: str, old: float, new: float, expected: Trend) -> None:
    """5 % of the earlier number, for times at least 50 ms; of a share of requests every bit counts."""
    assert trend(metric, (old, new)) is expected


def test_what_has_no_interval_cannot_be_told_from_one_run() -> None:
    """One observation of a run says nothing of the next; five pairs of them do."""
    assert trend("time_to_recover", (1 * SECOND, 9 * SECOND), half=None) is Trend.UNKNOWN
    assert trend("time_to_recover", *[(1 * SECOND, 9 * SECOND)] * 5, half=None) is Trend.WORSE
    assert trend("time_to_recover", (None, 9 * SECOND), half=None) is Trend.UNKNOWN


def test_an_open_interval_is_not_apart_from_anything() -> None:
    """Too few samples to tell."""
    open_ended = Side(metrics=metrics(latency_p95=Value(value=1, ci=(-math.inf, math.inf), samples=2, unit="ns")))
    (change,) = compare([(open_ended, side("latency_p95", 99 * SECOND))], paired=True).changes
    assert change.trend is Trend.UNKNOWN


def test_phases_of_one_side_are_left_out() -> None:
    """There is nothing to compare them with."""
    other = Metrics(phases={"recovery": {"amplification": value(1, 0)}}, providers={}, harness={})
    assert compare([(side("amplification", 1), Side(metrics=other))], paired=False).changes == ()


@pytest.mark.parametrize("before", [*Status, None])
@pytest.mark.parametrize("after", [*Status, None])
def test_a_check_is_broken_only_from_pass_to_fail(before: Status | None, after: Status | None) -> None:
    """Inconclusive is neither: the verdict itself says so."""
    assert Check(text="x", before=before, after=after).broken == ((before, after) == (Status.PASS, Status.FAIL))


def test_a_check_that_breaks_in_one_of_many_runs_is_broken() -> None:
    """The worst answer counts, before and after."""
    good, bad = side("cost", 1, calm=Status.PASS), side("cost", 1, calm=Status.FAIL)
    assert [one.name for one in compare([(good, good), (good, bad)], paired=True).regressions] == ["calm"]
    assert compare([(bad, good), (good, bad)], paired=True).regressions == ()


def test_required_findings_are_checks_too() -> None:
    """An advisory one never is, and one that an expectation asks for is told once."""

    def with_finding(name: str, status: Status, *, severity: str = "required", asked: bool = False) -> Side:
        found = Finding(
            id=name, severity=severity, status=status, count=1, samples=2, requests=("req-000001",), message="seen"
        )  # type: ignore[arg-type]
        run = side("cost", 1, **({f"no {name}": status} if asked else {}))
        assert run.verdict is not None
        rows = tuple(replace(row, metric=name) for row in run.verdict.expectations)
        return replace(run, verdict=replace(run.verdict, findings=(found,), expectations=rows))

    def names(**how: object) -> list[str]:
        pair = (with_finding("hang", Status.PASS, **how), with_finding("hang", Status.FAIL, **how))  # type: ignore[arg-type]
        return [one.name for one in compare([pair], paired=True).regressions]

    assert names() == ["hang"]
    assert names(severity="advisory") == []
    assert names(asked=True) == ["no hang"]


def test_numbers_alone_can_be_compared() -> None:
    """Without a verdict there are no checks."""
    alone = Side(metrics=metrics(latency_p95=value(SECOND, SECOND / 4)))
    found = compare([(alone, side("latency_p95", 2 * SECOND, calm=Status.FAIL))], paired=False)
    assert [one.message for one in found.regressions] == ["latency_p95 in fault: was 1 s [750 ms, 1.25 s], is 2 s"]


@given(st.lists(st.tuples(numbers, st.one_of(st.just(math.inf), halves)), max_size=4))
def test_numbers_come_back_from_json(found: list[tuple[float, float]]) -> None:
    """What metrics.json holds is what was measured, open intervals included."""
    values = {f"m{place}": value(number, half) for place, (number, half) in enumerate(found)}
    whole = Metrics(phases={"fault": values}, providers={"openai": values}, harness=values)
    assert metrics_of(metrics_json(whole)) == whole
