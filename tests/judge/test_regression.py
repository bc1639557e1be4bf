"""Is it worse than it was: what counts as a regression, and what never does."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import ExpectationResult, Finding, Metrics, Status, Value, Verdict, metrics_json, metrics_of
from harness.judge.comparison.chance import ALARM, pairs_needed
from harness.judge.comparison.changes import Side, Trend
from harness.judge.comparison.regression import COMPARED, compare

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
metric_names = st.sampled_from(sorted(COMPARED))
ENOUGH = pairs_needed(1)


@given(metric=metric_names, number=numbers, half=halves, runs=st.integers(1, 8))
def test_nothing_changed_is_no_regression(metric: str, number: float, half: float, runs: int) -> None:
    """The same run again, or several."""
    assert trend(metric, *[(number, number)] * runs, half=half) is Trend.SAME


@given(metric=metric_names, pairs=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_worse_one_way_is_better_the_other(metric: str, pairs: list[tuple[float, float]]) -> None:
    """What is a regression from A to B is none from B to A, whichever the number."""
    there, back = trend(metric, *pairs), trend(metric, *[(new, old) for old, new in pairs])
    assert (there, back) != (Trend.WORSE, Trend.WORSE)
    assert (there, back) != (Trend.BETTER, Trend.BETTER)
    if there is Trend.WORSE:
        assert (sum(new - old for old, new in pairs) > 0) == (COMPARED[metric].better == "less")


@given(metric=metric_names, old=numbers, new=numbers, runs=st.integers(1, ENOUGH - 1))
def test_too_few_pairs_never_tell(metric: str, old: float, new: float, runs: int) -> None:
    """Not even if all of them show the same change: all of two coins fall the same way often enough."""
    found = compare([(side(metric, old), side(metric, new))] * runs, paired=True)
    assert found.regressions == ()
    assert {change.trend for change in found.changes} <= {Trend.SAME, Trend.UNKNOWN}
    assert bool(found.open) == (found.changes[0].pointing is Trend.WORSE)
    assert found.needed == ENOUGH


@given(metric=metric_names, old=st.floats(1e3, 1e12), cells=st.integers(1, 40))
def test_enough_pairs_that_all_show_it_do_tell(metric: str, old: float, cells: int) -> None:
    """As many as are said to be needed, however many cells are compared; with one fewer it is open."""
    new = old * 2 if COMPARED[metric].better == "less" else old / 2
    pairs = [(side(metric, old), side(metric, new))] * pairs_needed(cells)
    matters = compare(pairs, paired=True, cells=cells).changes[0].pointing is Trend.WORSE
    assert bool(compare(pairs, paired=True, cells=cells).regressions) == matters
    assert bool(compare(pairs[1:], paired=True, cells=cells).open) == matters


def test_what_most_pairs_deny_is_chance() -> None:
    """One run of ten that is much worse moves the mean, and says nothing of the next."""
    pairs = [(SECOND, SECOND)] * 9 + [(SECOND, 30 * SECOND)]
    found = compare([(side("latency_p95", old), side("latency_p95", new)) for old, new in pairs], paired=True)
    (change,) = found.changes
    assert (change.trend, change.pointing) == (Trend.UNKNOWN, Trend.WORSE)
    assert found.open == ()  # there are enough pairs, and they do not show it


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
    assert trend(metric, *[(old, new)] * ENOUGH) is expected


def test_what_a_run_does_not_know_is_left_out() -> None:
    """A number that some run has not is judged by the others; where none is left, nobody can say."""
    known = [(1 * SECOND, 9 * SECOND)] * ENOUGH
    assert trend("time_to_recover", *known, half=None) is Trend.WORSE
    assert trend("time_to_recover", *known, (None, 9 * SECOND), half=None) is Trend.WORSE
    assert trend("time_to_recover", (None, 9 * SECOND), half=None) is Trend.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "expected"), [(SECOND, math.inf, Trend.WORSE), (math.inf, SECOND, Trend.BETTER)]
)
def test_a_recovery_that_never_came_is_the_longest(old: float, new: float, expected: Trend) -> None:
    """Also after it was kept as null: with samples, null is infinity."""
    sides = [
        tuple(
            Side(metrics=metrics_of(metrics_json(side("time_to_recover", number, half=None).metrics)))
            for number in (old, new)
        )
    ] * ENOUGH
    (change,) = compare(sides, paired=True).changes  # type: ignore[arg-type]
    assert (change.before, change.after, change.trend) == (old, new, expected)
    assert (change.difference, change.difference_ci) == (new - old, None)
    assert trend("time_to_recover", *[(math.inf, math.inf)] * ENOUGH, half=None) is Trend.SAME


def test_phases_of_one_side_are_left_out() -> None:
    """There is nothing to compare them with."""
    other = Metrics(phases={"recovery": {"amplification": value(1, 0)}}, providers={}, harness={})
    assert compare([(side("amplification", 1), Side(metrics=other))], paired=False).changes == ()


@pytest.mark.parametrize("before", [*Status, None])
@pytest.mark.parametrize("after", [*Status, None])
def test_a_check_is_broken_only_from_pass_to_fail(before: Status | None, after: Status | None) -> None:
    """Inconclusive is neither: the verdict itself says so. One pair is too few to call it a regression."""

    def asked(status: Status | None) -> Side:
        return side("cost", 1, **({} if status is None else {"calm": status}))

    broken = (before, after) == (Status.PASS, Status.FAIL)
    one = compare([(asked(before), asked(after))], paired=True)
    assert (one.regressions, bool(one.open)) == ((), broken)
    enough = compare([(asked(before), asked(after))] * ENOUGH, paired=True)
    assert (bool(enough.regressions), enough.open) == (broken, ())


@pytest.mark.parametrize(
    ("failed", "runs", "worse", "unsure"),
    [
        (1, 1, False, True),
        (4, 4, False, True),
        (5, 5, True, False),
        (1, 3, False, True),
        (1, 8, False, False),
        (8, 8, True, False),
        (7, 8, True, False),
    ],
)
def test_a_check_that_breaks_in_some_runs(failed: int, runs: int, *, worse: bool, unsure: bool) -> None:
    """As many as McNemar's test asks for, however sure the single verdicts are."""
    good, bad = side("cost", 1, calm=Status.PASS), side("cost", 1, calm=Status.FAIL)
    found = compare([(good, bad if place < failed else good) for place in range(runs)], paired=True)
    assert ([one.name for one in found.regressions], [one.name for one in found.open]) == (
        ["calm"] * worse,
        ["calm"] * unsure,
    )
    if worse:
        assert found.regressions[0].message == f"calm: failed in 0 of {runs} runs, now in {failed}"


@pytest.mark.parametrize("runs", [1, 2, 4, 5, 6, 8])
@pytest.mark.parametrize("passes", [0.5, 0.8, 0.95])
def test_a_chain_compared_with_itself_raises_few_false_alarms(runs: int, passes: float) -> None:
    """Three checks that pass by chance: called a regression in at most 5 % of comparisons, and never with too few runs."""
    draws = np.random.default_rng(runs)
    tries = 300
    alarms = 0
    for _ in range(tries):
        passed = draws.random((2, runs, 3)) < passes
        before, after = (
            [
                side("cost", 1, **{f"check{place}": Status.PASS if ok else Status.FAIL for place, ok in enumerate(run)})
                for run in half
            ]
            for half in passed
        )
        found = compare(list(zip(before, after, strict=True)), paired=False)
        alarms += bool(found.regressions)
        if runs < ENOUGH:
            assert bool(found.open) == any(check.pointing is Trend.WORSE for check in found.checks)
    assert alarms <= (0 if runs < ENOUGH else tries * ALARM + 3 * (tries * ALARM * (1 - ALARM)) ** 0.5)


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
        return [one.name for one in compare([pair] * ENOUGH, paired=True).regressions]

    assert names() == ["hang"]
    assert names(severity="advisory") == []
    assert names(asked=True) == ["no hang"]


def test_a_check_that_few_runs_answer_is_open() -> None:
    """Enough runs, but most of them cannot tell: that both others broke is neither chance nor proof, and no pass."""
    good, bad, unsure = (side("cost", 1, calm=status) for status in (Status.PASS, Status.FAIL, Status.INCONCLUSIVE))
    pairs = [(good, bad)] * 2 + [(good, unsure)] * (ENOUGH - 1)
    found = compare(pairs, paired=True)
    assert found.regressions == ()
    assert [one.message for one in found.open] == ["calm: failed in 0 of 2 runs, now in 2"]
    assert found.more == ENOUGH - 2


def test_a_finding_that_nothing_could_show_before_is_worse() -> None:
    """As zombies where no caller had to leave: it was not listed, and now it fails. What was edited or unsound says nothing."""

    def found(status: Status) -> tuple[Finding, ...]:
        return (
            Finding(id="hang", severity="required", status=status, count=1, samples=2, requests=(), message="seen"),
        )

    def ran(*findings: Finding, **answers: Status) -> Side:
        run = side("cost", 1, **answers)
        assert run.verdict is not None
        unsound = Status.INCONCLUSIVE in answers.values()
        status = Status.INCONCLUSIVE if unsound else Status.PASS
        return replace(run, verdict=replace(run.verdict, findings=findings, status=status))

    def worse(before: Side, after: Side) -> list[str]:
        return [one.message for one in compare([(before, after)], paired=True).open]

    bad = ran(*found(Status.FAIL), calm=Status.PASS)
    assert worse(ran(calm=Status.PASS), bad) == ["hang: was not seen, now fails"]
    assert worse(ran(*found(Status.INCONCLUSIVE), calm=Status.PASS), bad) == []
    assert worse(ran(calm=Status.INCONCLUSIVE), bad) == []
    asked = side("cost", 1, **{"no hang": Status.FAIL})
    assert asked.verdict is not None
    (row,) = asked.verdict.expectations
    assert worse(replace(asked, verdict=replace(asked.verdict, expectations=(replace(row, metric="hang"),))), bad) == []
    assert worse(Side(metrics=bad.metrics), bad) == []


def test_numbers_alone_can_be_compared() -> None:
    """Without a verdict there are no checks."""
    alone = Side(metrics=metrics(latency_p95=value(SECOND, SECOND / 4)))
    found = compare([(alone, side("latency_p95", 2 * SECOND, calm=Status.FAIL))], paired=False)
    assert [one.message for one in found.open] == ["latency_p95 in fault: was 1 s (750 ms – 1.25 s), is 2 s"]
    assert found.regressions == ()


@given(st.lists(st.tuples(numbers, st.one_of(st.just(math.inf), halves)), max_size=4))
def test_numbers_come_back_from_json(found: list[tuple[float, float]]) -> None:
    """What metrics.json holds is what was measured, open intervals included."""
    values = {f"m{place}": value(number, half) for place, (number, half) in enumerate(found)}
    whole = Metrics(phases={"fault": values}, providers={"openai": values}, harness=values)
    assert metrics_of(metrics_json(whole)) == whole
