"""The answer of a run: what counts, what beats what, and what never changes it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from harness.errors import ExitCode
from harness.history import RequestRecord
from harness.judge import Status, Verdict, judge, measure, metrics_json, verdict_json
from harness.judge.findings import FINDINGS, CheckResult
from harness.judge.grammar import parse
from harness.judge.run_data import RunData
from harness.scenario import Plan
from tests.histories import framed, primary_429
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of
from tests.judge.strategies import books, plans

_ORDER = [Status.PASS, Status.INCONCLUSIVE, Status.FAIL]


def _judged(*expect: str, book: Book, **rest: Any) -> Verdict:
    plan = plan_of(*(expect or ("success_rate in fault >= 50%",)), faults=[OUTAGE])
    return judge(book.run(plan, **rest))


def _good() -> Book:
    book = Book().steady()
    for place in range(200):
        book.request(11 + 0.1 * place, fails(503), Try(at="azure"))
    book.request(51, Try())
    return book


def test_the_demo_passes() -> None:
    """And has remarks: the advice, the outlived fault, the one run."""
    plan, history = primary_429()
    verdict = judge(RunData.of(plan, history))
    assert (verdict.status, verdict.exit_code) == (Status.PASS, ExitCode.PASS)
    assert [row.status for row in verdict.expectations] == [Status.PASS] * 5
    assert any("late_fallback" in reason for reason in verdict.reasons)
    assert any("still retrying" in reason for reason in verdict.reasons)
    assert verdict == judge(RunData.of(plan, history), measure(RunData.of(plan, history)))


def test_a_required_finding_fails_the_run_unasked() -> None:
    """One request is enough."""
    book = _good()
    shown = book.request(15, fails(400), Try())
    verdict = _judged(book=book)
    assert (verdict.status, verdict.exit_code) == (Status.FAIL, ExitCode.FAIL)
    (finding,) = [f for f in verdict.findings if f.status is Status.FAIL]
    assert (finding.id, finding.severity, finding.requests) == ("non_retryable_retried", "required", (shown,))
    assert verdict.reasons[0].startswith("non_retryable_retried: 1 of 1 requests")


def test_an_advisory_finding_never_counts_unless_asked_for() -> None:
    """Asked for, it is required."""
    book = _good()
    book.request(15, fails(503), Try(at="azure", after_s=3))
    assert _judged(book=book).status is Status.PASS
    asked = _judged("no late_fallback", book=book)
    assert asked.status is Status.FAIL
    assert [f.severity for f in asked.findings if f.id == "late_fallback"] == ["required"]


def test_an_inconclusive_finding_counts_only_where_asked_for() -> None:
    """No answer had a Retry-After: not listed, or not answered."""
    silent = _judged(book=_good())
    assert silent.status is Status.PASS
    assert "retry_after_ignored" not in {f.id for f in silent.findings}
    asked = _judged("no retry_after_ignored", book=_good())
    assert (asked.status, asked.exit_code) == (Status.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert "retry_after_ignored" in {f.id for f in asked.findings}


def test_a_scenario_that_expects_nothing_can_fail_but_not_pass() -> None:
    """Whatever the numbers: no expectation limits them. A required finding still counts."""
    plan, book = plan_of(faults=[OUTAGE]), _good()
    verdict = judge(book.run(plan))
    assert (verdict.status, verdict.exit_code) == (Status.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert verdict.reasons[0] == "nothing was expected"
    book.request(15, fails(400), Try())
    verdict = judge(book.run(plan))
    assert verdict.status is Status.FAIL
    assert "nothing was expected" in verdict.reasons


def test_a_run_without_faults_says_that_it_measured_a_steady_state() -> None:
    """It passes like any other."""
    plan = plan_of("success_rate >= 80%")
    verdict = judge(Book().steady().run(plan))
    assert verdict.status is Status.PASS
    assert "no faults: the run measured a steady state" in verdict.reasons


def test_fail_beats_inconclusive() -> None:
    """One broken limit among those that are too close to decide."""
    verdict = _judged("success_rate in fault >= 99.99%", "p50 latency in fault < 1ms", book=_good())
    assert [row.status for row in verdict.expectations] == [Status.INCONCLUSIVE, Status.FAIL]
    assert verdict.status is Status.FAIL
    assert verdict.reasons[0].startswith("p50 latency in fault: ")


def test_a_fault_that_never_fired_is_inconclusive() -> None:
    """And has that in words."""
    verdict = _judged("success_rate in fault >= 90%", book=_good(), fired=0)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reasons[0] == "openai was never made to fail: fault-1 (503) fired 0 times"
    assert verdict.expectations[0].status is Status.PASS


def test_a_failing_check_stays_failed_although_a_fault_never_fired() -> None:
    """What was seen was seen."""
    assert _judged("p50 latency in fault < 1ms", book=_good(), fired=0).status is Status.FAIL


@pytest.mark.parametrize("ill", [{"lost": 1}, {"complete": False}])
def test_an_unsound_run_has_nothing_better_or_worse_to_say(ill: dict[str, Any]) -> None:
    """Neither its passes nor its failures count."""
    book = _good()
    book.request(15, fails(400), Try())
    verdict = _judged("success_rate in fault >= 90%", "p50 latency in fault < 1ms", book=book, **ill)
    assert (verdict.status, verdict.exit_code) == (Status.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert {row.status for row in verdict.expectations} == {Status.INCONCLUSIVE}
    assert {finding.status for finding in verdict.findings} == {Status.INCONCLUSIVE}


def test_a_refused_call_of_another_run_harms_nobody() -> None:
    """It is reported, and changes nothing."""
    verdict = _judged(book=_good(), foreign=3)
    assert verdict.status is Status.PASS
    assert "3 calls of another run were refused" in verdict.reasons


@pytest.mark.parametrize("check", ["retry_storm", "fault_never_fired"])
def test_a_crashed_check_is_never_a_pass(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is inconclusive, is listed, and has a reason."""

    def crash(run: RunData) -> CheckResult:
        raise ZeroDivisionError("oh no")

    monkeypatch.setitem(FINDINGS.own, check, replace(FINDINGS.own[check], check=crash))
    verdict = _judged("no retry_storm", book=_good())
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.expectations[0].observed == (None if check == "retry_storm" else 0.0)
    assert verdict.reasons[0] == f"{check}: the check itself failed: ZeroDivisionError: oh no"
    assert check in {f.id for f in verdict.findings}


def test_a_crashed_advisory_check_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice that could not be worked out changes nothing."""

    def crash(run: RunData) -> CheckResult:
        raise ZeroDivisionError

    monkeypatch.setitem(FINDINGS.own, "late_fallback", replace(FINDINGS.own["late_fallback"], check=crash))
    assert _judged(book=_good()).status is Status.PASS


def test_a_crashed_expectation_is_never_a_pass() -> None:
    """A metric that is not there."""
    plan = plan_of("success_rate in fault >= 90%", faults=[OUTAGE])
    history = _good().history(plan)
    metrics = measure(RunData.of(plan, history))
    del metrics.phases["fault"]["success_rate"]
    (row,) = judge(RunData.of(plan, history), metrics).expectations
    assert row.status is Status.INCONCLUSIVE
    assert "KeyError" in row.message


def test_a_run_that_cannot_be_measured_is_never_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its numbers nor its health can be worked out."""

    def crash(run: RunData) -> list[str]:
        raise ZeroDivisionError

    monkeypatch.setattr("harness.judge.verdict.ailments", crash)
    verdict = _judged("success_rate in fault >= 90%", book=_good())
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.expectations[0].status is Status.INCONCLUSIVE
    assert "could not be measured" in verdict.reasons[0]


def test_an_empty_run_passes_nothing() -> None:
    """A run in which nobody asked for anything tested nothing."""
    verdict = _judged(book=Book())
    assert verdict.status is Status.INCONCLUSIVE
    assert "no request was sent" in verdict.reasons


def test_a_scenario_can_name_every_finding() -> None:
    """Except a finding that the run tested too little: every run asks for that one."""
    for kind in FINDINGS.own.values():
        if kind.severity == "run":
            with pytest.raises(PydanticCustomError, match="unknown finding"):
                parse(f"no {kind.id}", ())
        else:
            assert parse(f"no {kind.id}", ()).finding == kind.id


def test_json_is_plain() -> None:
    """NaN and infinity are null, enums are text, and the shape is the contract's."""
    book = Book().steady()
    book.request(45, Try(at="azure"))
    plan = plan_of("time_to_recover < 10s", "p99 latency < 1s", "no hang", faults=[OUTAGE])
    history = book.history(plan)
    verdict = json.loads(json.dumps(verdict_json(judge(RunData.of(plan, history))), allow_nan=False))
    assert list(verdict) == ["status", "exit_code", "reasons", "expectations", "findings", "ailments"]
    never, quantile, asked = verdict["expectations"]
    assert (never["status"], never["observed"], never["ci"]) == ("fail", None, None)
    assert quantile["ci"][1] is None
    assert quantile["needed"] == 368
    assert (asked["metric"], asked["phase"], asked["observed"]) == ("hang", None, 0)
    assert set(quantile) >= {"text", "metric", "phase", "status", "observed", "ci", "unit", "samples", "needed"}
    assert set(verdict["findings"][0]) == {
        "id",
        "severity",
        "status",
        "count",
        "samples",
        "requests",
        "message",
        "remedy",
    }
    metrics = json.loads(json.dumps(metrics_json(measure(RunData.of(plan, history))), allow_nan=False))
    assert set(metrics) == {"phases", "providers", "harness"}
    assert metrics["phases"]["fault"]["success_rate"]["value"] is None
    assert set(metrics["phases"]["run"]["success_rate"]) == {"value", "ci", "samples", "unit"}
    assert metrics["phases"]["run"]["time_to_recover"]["value"] is None


@settings(max_examples=25)
@given(plan=plans(), book=books(), seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(plan: Plan, book: Book, seed: int) -> None:
    """A history is a set of records."""
    history = book.history(plan)
    rng = np.random.default_rng(seed)

    def shuffled(name: str) -> Any:
        table = getattr(history, name)
        return table.iloc[rng.permutation(len(table))].reset_index(drop=True)

    mixed = framed(history, **{name: shuffled(name) for name in ("requests", "attempts", "health", "faults")})
    assert judge(RunData.of(plan, mixed)) == judge(RunData.of(plan, history))
    assert measure(RunData.of(plan, mixed)) == measure(RunData.of(plan, history))


@settings(max_examples=25)
@given(plan=plans(), book=books())
def test_names_of_requests_do_not_matter(plan: Plan, book: Book) -> None:
    """Other ids, the same numbers and answers."""
    before = book.history(plan)

    def other(name: str | None) -> str | None:
        return None if name is None else name.replace("req-0", "req-9")

    for place, request in enumerate(book.requests):
        book.requests[place] = replace(
            request,
            request_id=str(other(request.request_id)),
            served_attempt=other(request.served_attempt),
            sources=tuple(str(other(source)) for source in request.sources),
        )
    for place, attempt in enumerate(book.attempts):
        book.attempts[place] = replace(
            attempt, request_id=other(attempt.request_id), attempt_id=str(other(attempt.attempt_id))
        )
    after = book.history(plan)
    assert measure(RunData.of(plan, after)) == measure(RunData.of(plan, before))
    assert [f.count for f in judge(RunData.of(plan, after)).findings] == [
        f.count for f in judge(RunData.of(plan, before)).findings
    ]


@settings(max_examples=25)
@given(plan=plans(), book=books(), extra=st.integers(1, 30))
def test_more_failures_never_turn_a_fail_into_a_pass(plan: Plan, book: Book, extra: int) -> None:
    """Requests that fail can only make a success rate worse."""
    row = judge(book.run(plan)).expectations[0]
    failing = replace(book.requests[0], phase="fault", scheduled_ns=ns(12), outcome="error", complete=False)
    more: list[RequestRecord] = [replace(failing, request_id=f"more-{place:06d}") for place in range(extra)]
    book.requests += more
    worse = judge(book.run(plan)).expectations[0]
    if row.status is Status.FAIL:
        assert worse.status is not Status.PASS
    if row.observed is not None and worse.observed is not None:
        assert worse.observed <= row.observed


@settings(max_examples=40)
@given(plan=plans(), book=books())
def test_the_verdict_keeps_its_own_rules(plan: Plan, book: Book) -> None:
    """The worst of what counts; counts within samples within requests; nothing without samples passes."""
    verdict = judge(book.run(plan))
    worst = max((row.status for row in verdict.expectations), key=_ORDER.index)
    assert _ORDER.index(verdict.status) >= _ORDER.index(worst)
    assert verdict.exit_code == {Status.PASS: 0, Status.FAIL: 1, Status.INCONCLUSIVE: 3}[verdict.status]
    assert verdict.reasons
    ids = {request.request_id for request in book.requests}
    herds = {"no_backoff", "lockstep_retries", "fault_never_fired"}
    for finding in verdict.findings:
        assert finding.message
        assert finding.count <= finding.samples <= (10**6 if finding.id in herds else len(ids))
        assert set(finding.requests) <= ids
        assert list(finding.requests) == sorted(finding.requests)
        assert finding.samples or finding.status is Status.INCONCLUSIVE
    for row in verdict.expectations:
        assert row.samples or row.status is Status.INCONCLUSIVE
    required = [f for f in verdict.findings if f.severity == "required" and f.status is Status.FAIL]
    assert not required or verdict.status is Status.FAIL
