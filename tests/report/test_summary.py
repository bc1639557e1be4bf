"""The run in one sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.document import Allowance
from harness.history import History
from harness.judge import ExpectationResult, Finding, RunData, Status, Verdict
from harness.provider.faults import names_of
from harness.provider.inject import Limit
from harness.report import JudgedRun, words
from harness.report.pictures import all_pictures
from harness.report.summary import broke, summary
from harness.scenario import Inject, Plan, Timeline
from tests.histories import history, plan_in
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of


def changed(run: JudgedRun, *, plan: Plan | None = None, history: History | None = None) -> JudgedRun:
    """Return a run with another plan or history and the same answer."""
    data = RunData.of(plan or run.plan, history or run.history)
    return JudgedRun.of(data, metrics=run.metrics, verdict=run.verdict)


def test_a_pass_names_what_broke_and_who_served(demo: JudgedRun) -> None:
    """A good run names what broke, how many callers noticed, which fallback served, and how long that took."""
    passed = replace(demo, verdict=replace(demo.verdict, status=Status.PASS))
    text = summary(passed)
    assert text.startswith("PASS — openai answered 429 for 40 s; all 653 callers got a complete answer, azure served ")
    assert "; falling back took " in text
    assert text.endswith(". All 5 expectations were met.")


def test_fail_names_what_broke_the_verdict(hasty: JudgedRun) -> None:
    """A failed run names the expectation and how often it was broken."""
    text = summary(hasty)
    assert text.startswith("FAIL — ")
    assert "Found: retried earlier than the provider asked (17 cases)." in text


def test_callers_who_lost_are_counted(tmp_path: Path) -> None:
    """Callers without an answer are a number and a share."""
    plan = plan_in(tmp_path, faults="  - {on: all, during: fault, inject: {status: 503}}", deadline="6s")
    run = JudgedRun.of(RunData.of(plan, history(plan)))
    lost = int((~run.requests["complete"]).sum())
    assert lost > 300
    text = summary(run)
    assert f"; {lost} of 653 callers (" in text
    assert "openai, azure and anthropic answered 503 for 40 s" in text


def test_inconclusive_gives_its_reason(demo: JudgedRun) -> None:
    """An inconclusive run gives its first reason."""
    verdict = Verdict(status=Status.INCONCLUSIVE, exit_code=3, reasons=("the fault never fired.",))
    assert summary(replace(demo, verdict=verdict)).endswith(". This cannot be decided: the fault never fired.")


NOTHING = Verdict(status=Status.INCONCLUSIVE, exit_code=3, reasons=("nothing was expected",))


def test_no_fault_and_no_expectation(tmp_path: Path) -> None:
    """Without faults and expectations, both are stated."""
    plan = replace(plan_in(tmp_path, faults=""), expectations=())
    run = JudgedRun.of(RunData.of(plan, history(plan)), verdict=NOTHING)
    assert summary(run) == (
        "INCONCLUSIVE — no fault was injected; all 653 callers got a complete answer. "
        "This cannot be decided: nothing was expected."
    )


def test_a_required_finding_without_an_expectation_is_named(demo: JudgedRun) -> None:
    """A required finding fails a run without a line in `expect`, so the sentence names it; an advisory one is left out."""
    found = tuple(
        Finding(id=name, severity=severity, status=Status.FAIL, count=2, samples=9, requests=(), message="")
        for name, severity in (("hang", "required"), ("late_fallback", "advisory"))
    )
    verdict = Verdict(status=Status.FAIL, exit_code=1, findings=found)
    assert summary(replace(demo, verdict=verdict)).endswith("Found: caller left waiting for nothing (2 cases).")


def test_a_missing_value_is_named(demo: JudgedRun) -> None:
    """An expectation without a value shows none."""
    row = ExpectationResult(
        text="time_to_recover < 10s",
        metric="time_to_recover",
        phase=None,
        status=Status.FAIL,
        observed=None,
        ci=None,
        unit="ns",
        samples=0,
        needed=None,
    )
    verdict = Verdict(status=Status.FAIL, exit_code=1, expectations=(row,))
    assert summary(replace(demo, verdict=verdict)).endswith("Not met: `time_to_recover < 10s` (no value).")


def test_empty_history_has_a_sentence(tmp_path: Path) -> None:
    """A run that recorded nothing still has a sentence."""
    plan = plan_in(tmp_path)
    run = JudgedRun.of(RunData.of(plan, History.of(plan.digest)))
    assert "no request was recorded" in summary(run)


def test_an_unfinished_run_claims_nothing(demo: JudgedRun) -> None:
    """An interrupted run did not carry out its plan, so its plan's faults are not listed."""
    text = summary(changed(demo, history=replace(demo.history, complete=False)))
    assert "the run was cut short; the numbers cover the 653 requests until then" in text
    assert "429" not in text
    none = History.of(demo.plan.digest, complete=False)
    assert summary(changed(demo, history=none)).endswith(" — the run was cut short before its first request.")


def test_what_is_not_observable_is_left_out(demo: JudgedRun) -> None:
    """Refused connections behind a gateway are not observable: no overhead is printed, and none is drawn."""
    refused = replace(demo.plan.timeline.windows[0], inject=Inject(connection="refused"))
    plan = replace(demo.plan, timeline=Timeline(windows=(refused,)))
    blind = changed(demo, plan=plan, history=replace(demo.history, unseen=True))
    assert "falling back took" not in summary(blind)
    unseen = {picture.name for picture in all_pictures() if "cannot be shown" in picture.nothing(blind)}
    assert unseen == {"flow", "retry-gaps", "fallback-overhead", "success-after-fallback", "single-requests"}


def test_an_advisory_finding_is_a_note() -> None:
    """It fails no run, so it is no failure."""
    seen = Finding(
        id="late_fallback",
        severity="advisory",
        status=Status.FAIL,
        count=1,
        samples=1,
        requests=("req-000001",),
        message="",
    )
    assert words.finding(seen) == "! NOTE"
    assert "FAIL" in words.finding(replace(seen, severity="required"))


KINDS: dict[str, tuple[dict[str, Any], str]] = {
    "status": ({"status": 503}, "openai answered 503 for 40 s"),
    "body": ({"body": "no"}, "openai answered 200 for 40 s"),
    "limit": ({"limit": Limit(requests=Allowance(60, 10**9))}, "openai limited its callers for 40 s"),
    "delay": ({"delay": 10**9}, "openai answered late for 40 s"),
    "pace": ({"ttft": 10**9}, "openai wrote slowly for 40 s"),
}


def _broke(demo: JudgedRun, inject: Inject, **chosen: Any) -> str:
    window = replace(demo.plan.timeline.windows[0], inject=inject, **chosen)
    return broke(replace(demo.plan, timeline=Timeline(windows=(window,))))


@pytest.mark.parametrize(("fields", "said"), KINDS.values(), ids=KINDS)
def test_each_kind_of_fault_has_words(demo: JudgedRun, fields: dict[str, Any], said: str) -> None:
    """What it did, not its name."""
    assert _broke(demo, Inject(**fields)) == said


def test_every_connection_and_stream_fault_has_words_of_its_own(demo: JudgedRun) -> None:
    """No two of them read the same, and none is taken for an answer."""
    needs = {"slow": {"delay": 1}, "throttle": {"bytes_per_second": 1000}}
    injects = [Inject(connection=kind, **needs.get(kind, {})) for kind in names_of("connection")]
    injects += [Inject(stream=kind) for kind in names_of("stream")]
    said = [_broke(demo, inject) for inject in injects]
    assert len(set(said)) == len(injects)
    assert not any("answered" in text for text in said)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"share": 0.3}, "in 30 % of attempts"),
        ({"every": 10}, "in one of 10 attempts"),
        ({"first": 1}, "in the first attempt of each request"),
        ({"first": 2}, "in the first 2 attempts of each request"),
        ({"streaming": True}, "in streams"),
        ({"streaming": False}, "in plain answers"),
        ({"models": ("gpt-4", "o1")}, "for gpt-4 and o1"),
    ],
)
def test_the_attempts_of_a_fault_are_named(demo: JudgedRun, chosen: dict[str, Any], said: str) -> None:
    """Every selector is in the sentence."""
    assert _broke(demo, Inject(status=503), **chosen) == f"openai answered 503 {said} for 40 s"


def test_a_peer_is_no_fallback() -> None:
    """One of two peers fails and the other serves: no request fell back, and the sentence names no fallback."""
    plan = plan_of(order=("east", "west", "claude"), peers=[("east", "west")], faults=[replace(OUTAGE, on="east")])
    book = Book()
    book.request(1, Try(at="east"))
    book.request(12, fails(503, at="east"), Try(at="west"))
    text = summary(JudgedRun.of(RunData.of(plan, book.history(plan))))
    assert "west served" not in text
    book.request(13, fails(503, at="east"), Try(at="claude"))
    assert ", claude served 1; falling back took " in summary(JudgedRun.of(RunData.of(plan, book.history(plan))))
