"""What differs between two chains: only what nearly all runs of each show, by more than the chains' own chance."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from harness.judge import RunData, judge
from harness.judge.comparison.behaviour import (
    RUNS,
    SERVED,
    Behaviour,
    Fact,
    behaviour_of,
    effects,
    phases_of,
    trend_of,
    undecided,
)
from harness.judge.comparison.changes import Trend
from tests.histories import history, plan_in

MS = 10**6
TIME = Fact("wait", "fault", "time to the answer")
GAP = Fact("wait", "fault", "wait before a retry at openai")
SERVED_FACT = Fact("outcome", "fault", SERVED)
ERROR = Fact("outcome", "fault", "error 500")
DECEIVED = Fact("outcome", "fault", "an incomplete answer reported as a success")
ATTEMPTS = Fact("attempts", "fault", "openai")
IGNORED = Fact("finding", "", "retry_after_ignored")


def _runs(fact: Fact, *numbers: float) -> list[Behaviour]:
    return [{fact: number} for number in numbers]


def test_a_chain_that_does_the_same_shows_no_difference(tmp_path: Path) -> None:
    """Behaviour is read from a history: outcomes, providers in order, attempts, waits and findings."""
    plan = plan_in(tmp_path)
    run = RunData.of(plan, history(plan))
    found = behaviour_of(run, judge(run))

    assert found[Fact("order", "baseline", "openai")] > 0.98
    assert found[Fact("order", "fault", "openai then azure")] > 0.85
    assert found[Fact("outcome", "fault", SERVED)] == 1
    assert 2.5 < found[Fact("attempts", "fault", "openai")] <= 3
    assert 2_000 * MS < found[Fact("wait", "fault", "wait before a retry at openai")] < 2_800 * MS
    assert found[Fact("finding", "", "retry_after_ignored")] == 0
    assert effects([found] * RUNS, [found] * RUNS) == ()


def test_fewer_attempts_and_shorter_waits_are_found(tmp_path: Path) -> None:
    """The effects say what differs in which phase; the time to the answer is better, and so are fewer attempts."""
    plan = plan_in(tmp_path)
    before, after = (RunData.of(plan, history(plan, tries=tries)) for tries in (3, 2))
    runs = [[behaviour_of(run, judge(run))] * RUNS for run in (before, after)]
    found = {effect.fact.subject: effect for effect in effects(*runs) if effect.fact.phase == "fault"}

    assert found["openai"].trend is Trend.BETTER
    assert found["openai"].text.startswith("attempts at openai: 2.")
    assert found["time to the answer"].trend is Trend.BETTER


@pytest.mark.parametrize(("shown", "counts"), [(5, True), (4, True), (3, False)])
def test_at_least_four_of_five_runs_must_show_a_difference(shown: int, *, counts: bool) -> None:
    """One run of the second chain may be like the first; two may not."""
    before = _runs(GAP, *[500.0 * MS] * 5)
    after = _runs(GAP, *[900.0 * MS] * shown, *[500.0 * MS] * (5 - shown))

    # The range of the second chain then holds the first one's number: only a run without the wait at all leaves it apart.
    after = [run if place < shown else {} for place, run in enumerate(after)]
    assert bool(effects(before, after)) is counts


def test_a_range_that_holds_the_others_numbers_hides_a_difference() -> None:
    """Both chains must lie apart from the range of the other: one chain's chance may be all that differs."""
    assert effects(_runs(GAP, *[500.0 * MS] * 5), _runs(GAP, *[900.0 * MS] * 4, 500.0 * MS)) == ()


def test_a_difference_must_exceed_the_width_of_the_ranges() -> None:
    """Waits that are drawn at random differ by chance, and by less than they vary."""
    before = _runs(GAP, *(number * MS for number in (500.0, 600, 700, 800, 900)))

    assert effects(before, _runs(GAP, *(number * MS for number in (1000.0, 1100, 1150, 1200, 1250)))) == ()
    assert effects(before, _runs(GAP, *(number * MS for number in (1500.0, 1600, 1700, 1800, 1900))))


def test_what_is_too_small_to_matter_is_no_difference() -> None:
    """A wait by 50 ms or 5 %, a share of requests by 1 point, attempts by 0.05."""
    assert effects(_runs(GAP, *[500.0 * MS] * 5), _runs(GAP, *[549.0 * MS] * 5)) == ()
    assert effects(_runs(GAP, *[500.0 * MS] * 5), _runs(GAP, *[551.0 * MS] * 5))
    assert effects(_runs(GAP, *[10_000.0 * MS] * 5), _runs(GAP, *[10_400.0 * MS] * 5)) == ()
    assert effects(_runs(ERROR, *[0.0] * 5), _runs(ERROR, *[0.009] * 5)) == ()
    assert effects(_runs(ATTEMPTS, *[2.0] * 5), _runs(ATTEMPTS, *[2.04] * 5)) == ()


def test_chance_alone_is_hardly_ever_taken_for_a_difference() -> None:
    """2,000 pairs of one chain with itself, waits and rare outcomes drawn at random: fewer than 1 in 100 by one look."""
    random = Random(1)

    def run() -> Behaviour:
        waits = {Fact("wait", "fault", f"wait {place}"): random.expovariate(1 / (800 * MS)) for place in range(5)}
        rare = {
            Fact("outcome", "fault", f"error {share}"): float(random.random() < share) / 10 for share in (0.2, 0.5, 0.8)
        }
        return {**waits, **rare}

    alarms = sum(bool(effects([run() for _ in range(5)], [run() for _ in range(5)])) for _ in range(2_000))
    assert alarms < 20


def test_nothing_is_undecided_once_two_runs_lie_within_the_range() -> None:
    """More runs only widen ranges, so the comparison can stop early."""
    same = _runs(GAP, 500.0 * MS, 500.0 * MS)
    other = _runs(GAP, 900.0 * MS, 900.0 * MS)

    assert undecided(same[:1], same[:1])
    assert not undecided(same, same)
    assert undecided(same, other)


def test_an_upgrade_that_serves_fewer_callers_is_worse() -> None:
    """Whatever else differs: shorter waits are no comfort to callers who get an error sooner."""
    before = [{SERVED_FACT: 1.0, TIME: 3_000.0 * MS, ATTEMPTS: 3.0}] * 5
    after = [{SERVED_FACT: 0.5, ERROR: 0.5, TIME: 100.0 * MS, ATTEMPTS: 1.0}] * 5

    found = effects(before, after)
    assert [effect.trend for effect in found] == [Trend.WORSE] * 4
    assert trend_of(found) is Trend.WORSE
    assert found[0].fact == ERROR
    assert [effect.text for effect in found][:2] == [
        "error 500: 0 % → 50 % of requests",
        "served: 100 % → 50 % of requests",
    ]
    assert trend_of(effects(after, before)) is Trend.BETTER


def test_an_error_is_better_than_a_truncated_answer_that_passes_for_a_whole_one() -> None:
    """Neither caller was served, but one knows it."""
    found = effects([{DECEIVED: 1.0}] * 5, [{ERROR: 1.0}] * 5)

    assert trend_of(found) is Trend.BETTER
    assert trend_of(effects([{ERROR: 1.0}] * 5, [{DECEIVED: 1.0}] * 5)) is Trend.WORSE


def test_another_error_or_another_wait_is_neither_better_nor_worse() -> None:
    """The waits of callers decide; those between two attempts do not."""
    assert trend_of(effects([{ERROR: 1.0}] * 5, [{Fact("outcome", "fault", "error 429"): 1.0}] * 5)) is Trend.OTHER
    assert trend_of(effects(_runs(GAP, *[500.0 * MS] * 5), _runs(GAP, *[900.0 * MS] * 5))) is Trend.OTHER


def test_what_callers_get_comes_first_and_another_error_late() -> None:
    """The first effect names the change: a caller who is served, or a provider who is asked more often, before an error's code."""
    other = Fact("outcome", "fault", "error 429")
    found = effects([{ERROR: 1.0, ATTEMPTS: 1.0}] * 5, [{other: 1.0, ATTEMPTS: 2.0}] * 5)

    assert [effect.fact for effect in found] == [ATTEMPTS, other, ERROR]
    assert found[1].key == (*found[2].key[:2], True) == ("outcome", "error", True)


def test_a_finding_that_appears_is_worse() -> None:
    """It is named in words."""
    found = effects(_runs(IGNORED, *[0.0] * 5), _runs(IGNORED, *[1.0] * 5))

    assert trend_of(found) is Trend.WORSE
    assert found[0].text.endswith(": not shown → shown")
    assert trend_of(effects(_runs(IGNORED, *[1.0] * 5), _runs(IGNORED, *[0.0] * 5))) is Trend.BETTER


def test_effects_in_several_phases_name_them() -> None:
    """In one phase the phase is not worth a word."""
    both = dict.fromkeys((ATTEMPTS, ATTEMPTS._replace(phase="recovery")), 1.0)
    more = dict.fromkeys(both, 2.0)

    found = effects([both] * 5, [more] * 5)
    assert phases_of(found) == ["fault", "recovery"]
    assert phases_of(found[:1]) == [""]
    assert [effect.text for effect in found] == ["attempts at openai: 1 → 2 for each request"] * 2
