"""What one changed setting would have done to a run: request by request, and told from chance."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from harness.judge import ExpectationResult, Finding, Status, Value, Verdict
from harness.judge.comparison.counterfactual import (
    MeasuredRemedies,
    Outcomes,
    TriedSetting,
    chance_of_signs,
    outcomes,
    tried_setting,
    unlike,
)
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of

S = 1e9
ROW = ExpectationResult(
    text="success_rate in fault >= 95%",
    metric="success_rate",
    phase="fault",
    status=Status.PASS,
    observed=1.0,
    ci=None,
    unit="share",
    samples=60,
    needed=None,
)
HANG = Finding(
    id="hang", severity="required", status=Status.FAIL, count=30, samples=60, requests=(), message="30 of 60 hung"
)


def of(
    unserved: int = 0, *, wait_s: float = 1.0, attempts: int = 1, cost: float | None = 1.0, **verdict: Any
) -> Outcomes:
    """Return a run of 60 requests, of which the first few got no complete answer."""
    status = Status.FAIL if unserved else Status.PASS
    row = replace(ROW, status=status, observed=1 - unserved / 60)
    return Outcomes(
        unserved=tuple(place < unserved for place in range(60)),
        latency_ns=tuple(None if place < unserved else wait_s * S for place in range(60)),
        attempts=(attempts,) * 60,
        cost_usd=None if cost is None else (cost,) * 60,
        verdict=replace(Verdict(status=status, exit_code=0, expectations=(row,)), **verdict),
    )


def changed(was: Outcomes, now: Outcomes, *, tried: int = 10) -> TriedSetting:
    """Return what a setting changed."""
    return tried_setting("timeout", (600, 8), ["-timeout: 600", "+timeout: 8"], was=was, now=now, tried=tried)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (1, 0), (5, 0), (0, 7), (6, 9), (40, 12)])
def test_the_sign_test_is_exact(better: int, worse: int) -> None:
    """As likely as so many heads or tails, or more, of a fair coin."""
    size, most = better + worse, max(better, worse)
    exact = min(1.0, 2 * sum(math.comb(size, heads) for heads in range(most, size + 1)) / 2**size)
    assert chance_of_signs(better, worse) == pytest.approx(exact)


def test_what_serves_more_and_meets_an_expectation_helps() -> None:
    """It names what it mends, with both numbers, and nothing else breaks."""
    found = changed(of(30), of(0))
    assert found.helps
    assert found.mends == ("`success_rate in fault >= 95%` (50 % → 100 %)",)
    assert not found.breaks
    assert (found.unserved.before, found.unserved.after, found.unserved.better) == (30, 0, 30)


def test_so_few_requests_may_be_chance() -> None:
    """The limit is kept now; but among ten settings one such is nothing to advise."""
    found = changed(of(6), of(0))
    assert not found.mends
    assert not found.helps
    assert changed(of(6), of(0), tried=1).helps


def test_what_loses_requests_is_no_advice_whatever_it_mends() -> None:
    """A finding is gone, and so are thirty answers."""
    found = changed(of(0, findings=(HANG,)), of(30))
    assert found.mends == ("hang",)
    assert found.breaks == ("`success_rate in fault >= 95%` (100 % → 50 %)",)
    assert not found.helps


def test_a_change_that_mends_one_thing_and_breaks_another_says_both() -> None:
    """It may help all the same: whoever reads it decides."""
    found = changed(of(30), of(0, findings=(HANG,)))
    assert found.helps
    assert found.breaks == ("hang",)


def test_answers_that_come_sooner_help_if_nothing_is_lost_or_broken() -> None:
    """Also where nothing failed; but not by so little that no caller notices, nor at the price of a finding."""
    assert changed(of(wait_s=4), of(wait_s=1)).helps
    assert not changed(of(wait_s=1.04), of(wait_s=1)).helps
    assert not changed(of(wait_s=1), of(wait_s=4)).helps
    assert not changed(of(wait_s=4), of(wait_s=1, findings=(HANG,))).helps


def test_a_cost_that_is_not_known_is_not_compared() -> None:
    """On either side."""
    assert changed(of(30, cost=None), of(0)).cost_usd is None
    assert changed(of(30), of(0, cost=None)).cost_usd is None


def test_the_best_value_of_each_setting_is_shown() -> None:
    """In the order in which they help."""
    best, other = changed(of(30), of(0)), changed(of(30), of(1))
    retries = replace(other, label="num_retries")
    useless = replace(best, label="cooldown", helps=False)
    found = MeasuredRemedies(file="chain.yaml", tried=(best, other, retries, useless))
    assert found.helpful == [best, retries]
    assert sorted([retries, best], key=lambda each: each.weight) == [best, retries]


def test_outcomes_are_those_of_a_run() -> None:
    """Who got no complete answer, how long answers took, and the attempts that a fault hit."""
    book = Book().steady()
    book.request(11, fails(503), Try(at="azure", after_s=1))
    book.request(12, fails(503))
    run = book.run(plan_of("success_rate >= 95%", faults=[OUTAGE]))
    found = outcomes(run, Verdict(status=Status.FAIL, exit_code=1))
    assert sum(found.unserved) == int((~run.columns.requests.complete).sum()) >= 1
    assert sum(found.attempts) == int(run.columns.attempts.touched.sum()) >= 1
    assert [ns is None for ns in found.latency_ns] == list(found.unserved)


def value(number: float, *, unit: str = "share", ci: tuple[float, float] | None = None) -> dict[str, dict[str, Value]]:
    """Return one number of one phase."""
    name = "success_rate" if unit == "share" else "latency_p95"
    return {"fault": {name: Value(value=number, ci=ci, samples=60, unit=unit)}}


@pytest.mark.parametrize(
    ("ran", "again", "reason"),
    [
        (value(0.90), value(0.90), ""),
        (value(0.90, ci=(0.8, 0.95)), value(0.80, ci=(0.7, 0.85)), ""),
        (value(0.95, ci=(0.9, 0.99)), value(0.80, ci=(0.7, 0.85)), "success_rate in fault: 95 % against 80 %"),
        (value(0.03 * S, unit="ns"), value(0.05 * S, unit="ns"), ""),
        (value(3.0 * S, unit="ns"), value(5.0 * S, unit="ns"), "latency_p95 in fault: 3 s against 5 s"),
    ],
)
def test_a_simulation_is_held_against_the_run(
    ran: dict[str, dict[str, Value]], again: dict[str, dict[str, Value]], reason: str
) -> None:
    """Inside of the intervals, or closer than matters, it explains the run."""
    verdict = of().verdict
    found = unlike(verdict, verdict, ran, again)
    assert found.startswith(reason)
    assert bool(found) is bool(reason)


def test_another_answer_is_another_run() -> None:
    """A simulation that passes where the run failed says nothing about it."""
    assert unlike(of(30).verdict, of().verdict, {}, {}) == "the run's verdict is fail, the simulation's pass"
    open_ = replace(of(30).verdict, expectations=(replace(ROW, status=Status.INCONCLUSIVE, observed=0.9),))
    expected = "`success_rate in fault >= 95%`: 50 % against 90 % in the simulation"
    assert unlike(of(30).verdict, open_, {}, {}) == expected
