"""Every number: against a slow reference on random histories, and by hand where a definition has an edge."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings

from harness.judge import RUN, RunData, Status, journeys, judge, measure, retries
from harness.judge.metrics import METRICS, STATISTICS
from harness.judge.metrics.kinds import Observations
from harness.quantities import MS, S
from harness.scenario import Fault, Inject, Plan
from tests.histories import framed, primary_429
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of
from tests.judge.reference import Reference
from tests.judge.strategies import books, plans

PLAN = plan_of(faults=[OUTAGE])


@settings(max_examples=60)
@given(plan=plans(), book=books())
def test_numbers_are_those_of_the_reference(plan: Plan, book: Book) -> None:
    """The arithmetic on columns gives what going through the requests one by one gives."""
    metrics = measure(book.run(plan))
    for name in (*(phase.name for phase in plan.phases), RUN):
        expected = Reference(plan, book.requests, book.attempts, None if name == RUN else name).values()
        found = {metric: metrics.phases[name][metric].value for metric in expected}
        assert found == {metric: value if value is None else pytest.approx(value) for metric, value in expected.items()}


@settings(max_examples=15)
@given(plan=plans(), book=books())
def test_every_metric_that_can_be_asked_for_is_there(plan: Plan, book: Book) -> None:
    """An expectation finds its number in every phase, with its unit, and no value without samples."""
    metrics = measure(book.run(plan))
    for values in metrics.phases.values():
        for name, metric in METRICS.items():
            if "phase" not in metric.groups:
                continue
            names = [f"{name}_{one}" for one in STATISTICS] if metric.kind is Observations else [name]
            for one in names:
                assert values[one].unit == metric.unit
                assert values[one].value is not None or values[one].why
        assert values["amplification_peak"].unit == "ratio"


@settings(max_examples=30)
@given(plan=plans(), book=books())
def test_an_interval_holds_its_value(plan: Plan, book: Book) -> None:
    """The observed value lies within its own interval."""
    for values in measure(book.run(plan)).phases.values():
        for value in values.values():
            if value.ci is not None and value.value is not None:
                assert value.ci[0] <= value.value <= value.ci[1]


@settings(max_examples=30)
@given(plan=plans(), book=books())
def test_phases_add_up_to_the_run(plan: Plan, book: Book) -> None:
    """Nobody is counted twice, and nobody drops out."""
    metrics = measure(book.run(plan))
    for name in ("requests", "attempts", "exposed", "outlived", "primary_skipped", "wasted_tokens", "zombie_attempts"):
        parts = [metrics.phases[phase.name][name].value for phase in plan.phases]
        assert sum(part or 0 for part in parts) == (metrics.phases[RUN][name].value or 0)
    assert metrics.phases[RUN]["requests"].value == len(book.requests)


def test_a_caller_who_gave_up_waited_its_deadline_at_least() -> None:
    """Nobody is dropped from latency: neither who left, even a little early, nor who never went out."""
    plan = plan_of(deadline_s=20)
    book = Book()
    book.request(1, outcome="deadline", end_ns=ns(20.9))
    book.request(2, outcome="deadline", end_ns=ns(22.5))
    book.request(3, outcome="dropped", start_ns=None, end_ns=None)
    assert sorted(journeys(book.run(plan))["latency_ns"]) == [20 * S, 20 * S, 20.5 * S]


def test_only_streams_have_a_first_token_and_none_of_them_drops_out() -> None:
    """A plain answer has no time to the first token; a stream that failed early counts with the deadline."""
    plan = plan_of(deadline_s=20)
    book = Book()
    book.request(1, Try(), streaming=True, first_token_ns=ns(1.5))
    book.request(2, Try(), first_token_ns=ns(2.1))
    book.request(3, outcome="deadline", end_ns=ns(23))
    book.request(4, Try(status=503, took_s=10), streaming=True)
    book.request(5, Try(status=503, took_s=30), streaming=True, end_ns=ns(35))
    book.request(6, streaming=True, outcome="dropped", start_ns=None, end_ns=None)
    times = journeys(book.run(plan))["ttft_ns"]
    assert sorted(times.dropna()) == [0.5 * S, 20 * S, 20 * S, 30 * S]
    assert times.isna().tolist() == [False, True, True, False, False, False]


def test_latency_counts_from_the_intended_start() -> None:
    """A generator that stalls for 3 s cannot hide it."""
    book = Book()
    book.request(1, Try(), start_ns=ns(4), end_ns=ns(4.2))
    assert measure(book.run(PLAN)).phases[RUN]["latency_p50"].value == 3.2 * S


def test_a_request_belongs_to_the_phase_of_its_intended_start() -> None:
    """Even if most of it happened in the next one."""
    book = Book()
    book.request(9.9, fails(503, after_s=5), Try(at="azure"))
    phases = measure(book.run(PLAN)).phases
    assert (phases["baseline"]["attempts"].value, phases["fault"]["attempts"].value) == (2, 0)


def test_the_busiest_second_may_begin_anywhere() -> None:
    """Twelve attempts around a full second are one second's, by ten planned."""
    book = Book()
    for place in range(12):
        book.request(11.5 + 0.08 * place, Try())
    assert measure(book.run(PLAN)).phases[RUN]["amplification_peak"].value == 1.2


def test_planned_requests_without_a_record_are_failures_of_somebody() -> None:
    """The plan fixes the denominator."""
    plan, history = primary_429()
    short = framed(history, requests=history.requests.iloc[:-10])
    metrics = measure(RunData.of(plan, short))
    assert (
        metrics.phases["recovery"]["success_rate"].samples
        == measure(RunData.of(plan, history)).phases["recovery"]["requests"].value
    )
    assert metrics.harness["lost"].value == 10


def test_hedged_attempts_are_not_retries() -> None:
    """A second attempt while the first is open follows no failure."""
    book = Book()
    book.request(12, fails(503, took_s=2.0), Try(after_s=-1.0))
    history = book.history(PLAN)
    assert measure(RunData.of(PLAN, history)).phases[RUN]["retry_gap_p50"].samples == 0
    assert retries(book.run(PLAN))["gap_ns"].tolist() == [-1.0 * S]


def test_time_lost_to_overlapping_attempts_counts_once() -> None:
    """Two failing attempts at once, from 0 to 3 s, take 3 s of the overhead."""
    book = Book()
    book.request(
        12, fails(503, took_s=2.0), fails(503, at="azure", after_s=-1.0, took_s=2.0), Try(at="azure", after_s=1.0)
    )
    (journey,) = journeys(book.run(PLAN)).itertuples()
    assert (journey.fallback_overhead_ns, journey.failed_ns, journey.waiting_ns) == (4 * S, 3 * S, 1 * S)


def test_time_to_fallback_and_back() -> None:
    """From the fault's begin to the first answer of another; from its end to the first of the first again."""
    book = Book()
    book.request(12, fails(503), Try(at="azure", after_s=1))
    book.request(39, fails(503), fails(503, after_s=2), Try(after_s=3))
    phases = measure(book.run(PLAN)).phases
    assert phases[RUN]["time_to_fallback"].value == ns(13.03) - 10 * S
    assert phases[RUN]["time_to_recover"].value == ns(44.04) - 40 * S
    assert phases["baseline"]["time_to_recover"].value is None
    assert phases["recovery"]["time_to_recover"].value == phases[RUN]["time_to_recover"].value


def test_never_recovered_is_infinite() -> None:
    """Requests came after the fault, and the first provider served none of them."""
    book = Book()
    book.request(45, Try(at="azure"))
    value = measure(book.run(PLAN)).phases[RUN]["time_to_recover"]
    assert value.value == math.inf
    assert value.why == "openai never served again"


@pytest.mark.parametrize("at_s", [5, 12])
def test_nobody_came_after_the_fault(at_s: float) -> None:
    """Without a request there is no telling."""
    book = Book()
    book.request(at_s, Try(at="azure"))
    assert measure(book.run(PLAN)).phases[RUN]["time_to_recover"].value is None


def test_a_fault_that_lasts_to_the_end_cannot_be_recovered_from() -> None:
    """No time is left to recover in."""
    plan = plan_of(faults=[Fault(on="openai", during="recovery", inject=Inject(status=503))])
    book = Book()
    book.request(45, fails(503), Try(at="azure"))
    assert measure(book.run(plan)).phases[RUN]["time_to_recover"].value is None


def test_no_fallback_although_requests_failed() -> None:
    """A chain that never falls back has an infinite time to fallback, one that never needed to has none."""
    book = Book()
    book.request(12, fails(503))
    assert measure(book.run(PLAN)).phases[RUN]["time_to_fallback"].value == math.inf
    assert measure(Book().steady().run(PLAN)).phases[RUN]["time_to_fallback"].value is None


def test_what_nobody_can_see_is_null_with_its_reason() -> None:
    """Refused connections of a gateway: numbers of attempts are null where the window reaches, others are not."""
    plan = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(connection="refused"))], endpoint=True)
    book = Book().steady()
    book.request(15, Try(at="azure"))
    metrics = measure(book.run(plan, fired=None, unseen=True))
    for name in ("amplification", "amplification_peak", "retry_gap_p95", "exposed", "zombie_attempts", "attempts"):
        assert metrics.phases["fault"][name].value is None
        assert "not observable" in metrics.phases["fault"][name].why
    assert metrics.phases["fault"]["success_rate"].value == 1
    assert metrics.phases["fault"]["latency_p50"].value is not None
    assert metrics.phases["baseline"]["amplification"].value == 1
    assert metrics.providers["openai"]["amplification"].value is None


def test_an_answer_without_a_name_is_the_last_success() -> None:
    """A real provider's text names no attempt."""
    book = Book()
    book.request(12, fails(503), Try(at="azure"), served_attempt=None, served_by=None, sources=())
    (journey,) = journeys(book.run(PLAN)).itertuples()
    assert (journey.served_by, journey.winning_attempt) == ("azure", "req-000001.azure.1")


def test_the_retries_of_a_request() -> None:
    """One row per pair, with the Retry-After and how early the next one came."""
    book = Book()
    book.request(12, fails(429, told_s=2.0), fails(503, after_s=1.5), Try(at="azure", after_s=0.5))
    table = retries(book.run(PLAN))
    assert table["kind"].tolist() == ["retry", "switch"]
    assert table["nth"].tolist() == [1, 0]
    assert table["early_ns"].tolist()[0] == 500 * MS
    assert table["told_ns"].isna().tolist() == [False, True]
    assert table["to_attempt"].tolist() == ["req-000001.openai.2", "req-000001.azure.1"]


def test_lag_is_listed_by_process() -> None:
    """The harness's own numbers, without warm-up."""
    book = Book().steady()
    book.lag(-1, 5.0)
    book.lag(1, 0.02)
    harness = measure(book.run(PLAN)).harness
    assert harness["loop_lag_chain_max"].value == 20 * MS
    assert harness["dispatch_lag_p99"].value == 1 * MS


def test_the_demo_costs_what_its_arithmetic_says() -> None:
    """Three waits of 2 to 2.75 s make 6 to 8.25 s of overhead; four attempts for each that fell back."""
    plan, history = primary_429()
    fault = measure(RunData.of(plan, history)).phases["fault"]
    assert 6 * S < (fault["fallback_overhead_p50"].value or 0) < 8.3 * S
    assert fault["success_rate"].value == 1
    assert fault["retry_after_honoured"].value == 1
    assert set(journeys(RunData.of(plan, history)).query("reached_fallback")["attempts"]) <= {2, 3, 4}


def test_a_cost_without_a_known_price_is_not_zero() -> None:
    """The cost of those tokens is not known; if all are priced, it is."""
    known, unknown = Book().steady(), Book().steady()
    known.request(12, Try(), Try(at="azure"))
    unknown.request(12, Try(more={"cost_usd": None}), Try(at="azure"))
    measured = [measure(book.run(PLAN)).phases[RUN] for book in (known, unknown)]
    assert [phase["wasted_tokens"].value for phase in measured] == [50, 50]
    assert [phase["cost"].value for phase in measured] == [0.01, None]
    assert "price" in measured[1]["cost"].why


@pytest.mark.parametrize(("after_s", "honoured"), [(1.951, 1.0), (1.949, 0.0)])
def test_50_ms_early_is_still_honoured(after_s: float, honoured: float) -> None:
    """The stamps of two processes may differ by as much."""
    book = Book()
    book.request(12, fails(429, told_s=2.0), Try(after_s=after_s))
    assert measure(book.run(PLAN)).phases[RUN]["retry_after_honoured"].value == honoured


def test_an_answer_begun_in_the_fault_is_no_recovery() -> None:
    """It is about no time after the fault."""
    book = Book()
    book.request(39, Try(took_s=2.0))
    book.request(44, Try())
    assert measure(book.run(PLAN)).phases[RUN]["time_to_recover"].value == ns(4.02)


def test_an_attempt_within_another_adds_no_time() -> None:
    """A long attempt covers the two short ones that began and ended inside it."""
    book = Book()
    book.request(
        12,
        fails(503, took_s=5.0),
        fails(503, at="azure", after_s=-4.0, took_s=1.0),
        fails(503, at="azure", after_s=1.0, took_s=1.0),
        Try(at="azure", after_s=2.0),
    )
    (journey,) = journeys(book.run(PLAN)).itertuples()
    assert (journey.fallback_overhead_ns, journey.failed_ns) == (6 * S, 5 * S)


@pytest.mark.parametrize(("after_s", "zombies"), [(0.249, 0), (0.251, 1)])
def test_an_attempt_as_the_caller_leaves_is_no_zombie(after_s: float, zombies: int) -> None:
    """It takes a chain up to 250 ms to notice."""
    book = Book()
    book.request(12, fails(503, took_s=19.995), Try(after_s=after_s), outcome="deadline", end_ns=ns(32), complete=False)
    assert measure(book.run(PLAN)).phases[RUN]["zombie_attempts"].value == zombies


def test_a_phase_that_was_never_begun_is_not_measured() -> None:
    """Of a run that was interrupted in its baseline: what was not due by then is neither a failure nor lost."""
    plan, history = primary_429()
    until_ns = plan.phases[0].end_ns // 2
    begun = history.requests[history.requests["scheduled_ns"] < until_ns]
    early = framed(
        history,
        requests=begun,
        attempts=history.attempts[history.attempts["request_id"].isin(begun["request_id"])],
        complete=False,
    )
    metrics = measure(RunData.of(plan, early))
    for name in ("fault", "recovery"):
        for value in metrics.phases[name].values():
            assert (value.value, value.samples, value.why) == (None, 0, "never begun")
    for name in ("baseline", RUN):
        assert metrics.phases[name]["success_rate"].value == 1
        assert metrics.phases[name]["requests"].value == (begun["phase"] == "baseline").sum()
    assert metrics.harness["lost"].value == 0
    verdict = judge(RunData.of(plan, early))
    assert verdict.status is Status.INCONCLUSIVE
    assert {row.message for row in verdict.expectations if row.phase == "fault"} == {"never begun"}


def test_a_phase_that_was_cut_short_is_measured_as_far_as_it_went() -> None:
    """With those of its requests that were due and whose records are missing."""
    plan, history = primary_429()
    fault = plan.phases[1]
    until_ns = (fault.start_ns + fault.end_ns) // 2
    due = [arrival for arrival in plan.arrivals if arrival.phase == "fault" and arrival.scheduled_ns <= until_ns]
    seen = history.requests[history.requests["scheduled_ns"] <= until_ns]
    lost = seen.drop(seen.index[-3])
    metrics = measure(RunData.of(plan, framed(history, requests=lost, complete=False)))
    assert metrics.phases["fault"]["requests"].value == len(due)
    assert metrics.phases["recovery"]["requests"].value is None
    assert metrics.harness["lost"].value == 1
