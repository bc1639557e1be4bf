"""The first screen of a page: what was asked, the answer, why, what to do, and what it cost."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from harness.history import History
from harness.judge import Ailment, ExpectationResult, RunData, Status, Verdict
from harness.judge.tables.spending import spending
from harness.provider.spec import Price
from harness.report import JudgedRun, circumstances, show, words
from harness.report.decisive import decisive, remedies
from harness.report.show.opening import cost
from harness.scenario import Plan
from harness.scenario.mix import MixPart
from harness.store import RunFolder
from tests.histories import primary_429
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of

SIMULATED = {
    "engine": "sim",
    "started": "2026-11-29T20:22:43+00:00",
    "chain": {"versions": {"litellm": "1.106.2"}},
    "versions": {"llm-fallback-harness": "0.1.0"},
}


def text(run: JudgedRun) -> str:
    """Return what a first screen says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", show.opening(run).html)).split())


def of_plan(run: JudgedRun, plan: Plan) -> JudgedRun:
    """Return a run that was to do something else, with the same answer."""
    return JudgedRun.of(RunData.of(plan, run.history), verdict=run.verdict, metrics=run.metrics)


def test_a_failure_gives_chain_date_engine_library_load_reason_and_remedy(hasty: JudgedRun) -> None:
    """Everything that somebody who gets the page in a mail has to know, on its first screen."""
    shown = text(replace(of_plan(hasty, replace(hasty.plan, correct="It waits.")), environment=SIMULATED))
    for part in (
        "FAIL — openai answered 429 for 40 s",
        "openai gpt-4 azure gpt-4 anthropic gpt-4",
        "29 November 2026, 20:22 UTC",
        "Simulated : the chain's own code ran",
        "LiteLLM 1.106.2 (litellm-router)",
        "653 requests in 63 s (10 per second, at random times)",
        "callers give up after 45 s",
        "Why retried earlier than the provider asked : 17 of ",
        "What to do LiteLLM honours a Retry-After of up to 60 s",
        "Aim for: It waits.",
        "Cost:",
        "Who was not served?",
    ):
        assert part in shown


def test_a_pass_has_nothing_to_do(demo: JudgedRun) -> None:
    """It says that everything was met."""
    passed = replace(demo, verdict=Verdict(status=Status.PASS, exit_code=0, expectations=demo.verdict.expectations))
    shown = text(passed)
    assert "expectations were met." in shown
    assert "What to do" not in shown


def test_what_is_open_says_what_would_decide_it() -> None:
    """A longer phase for too few samples; and each remedy once."""
    plan = plan_of("success_rate in fault >= 95%", "p95 latency in fault < 5s", faults=[OUTAGE])
    book = Book().steady()
    for second in range(11, 21):
        book.request(second, fails(503), Try(at="azure", after_s=1))
    run = JudgedRun.of(book.run(plan))
    assert run.verdict.status is Status.INCONCLUSIVE
    shown = text(run)
    assert "What is missing" in shown
    assert re.search(r"Let fault last \d+ min.* in place of 30 s, or send more requests per second\.", shown)


def test_what_was_wrong_with_the_run_comes_first() -> None:
    """A run that was cut short has no answer; what it did until then is no reason."""
    plan, history = primary_429()
    run = JudgedRun.of(RunData.of(plan, replace(history, complete=False)))
    first, *others = decisive(run.verdict)
    assert first == ("the run did not come to its planned end", "", "Run it again, to its end.", "")
    assert not [each for each in others if each.name.startswith("`")]
    empty = JudgedRun.of(RunData.of(plan, History.of(plan.digest, complete=False)))
    assert "Run it again, to its end." in text(empty)


def test_who_deceives_callers_comes_first(hasty: JudgedRun) -> None:
    """Then other findings, then limits; a finding that an expectation forbids is named once."""
    by_id = {finding.id: finding for finding in hasty.verdict.findings}
    found = tuple(
        replace(by_id["retry_after_ignored"], id=name, severity=severity, remedy="Do it.")
        for name, severity in (("late_fallback", "advisory"), ("retry_storm", "required"), ("hang", "required"))
    )
    row = next(row for row in hasty.verdict.expectations if row.metric == "amplification")
    failed = replace(row, status=Status.FAIL, remedy="Do it.")
    forbids = replace(row, text="no hang", metric="hang", status=Status.FAIL)
    verdict = Verdict(status=Status.FAIL, exit_code=1, expectations=(failed, forbids), findings=found)
    names = [each.name for each in decisive(verdict)]
    assert names == [words.finding_name("hang"), words.finding_name("retry_storm"), words.unmet(failed)]
    assert list(remedies(decisive(verdict))) == ["Do it."]


def test_a_verdict_from_before_there_were_remedies() -> None:
    """It still has its page: the reasons are there, and what to do is to look."""
    plan, history = primary_429()
    row = ExpectationResult(
        text="p95 latency in fault < 1s",
        metric="latency",
        phase="fault",
        status=Status.FAIL,
        observed=8.5e9,
        ci=None,
        unit="ns",
        samples=9,
        needed=None,
        limit=1e9,
    )
    old = Verdict(status=Status.FAIL, exit_code=1, expectations=(row,))
    shown = text(JudgedRun.of(RunData.of(plan, history), verdict=old))
    assert "p95 latency in phase fault was 8.5 s; expected: less than 1s" in shown
    assert "there is no usual remedy" in shown


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("success_rate in fault >= 95%", "Choose `retry.attempts` and `timeout`"),
        ("success_rate in fault <= 0%", ""),
        ("p95 latency in fault < 100ms", "Lower `retry.attempts` and `timeout` in the chain file. LiteLLM skips"),
        ("primary_skipped in fault >= 100", "LiteLLM skips"),
    ],
)
def test_a_limit_on_the_side_where_more_is_better_has_no_remedy(line: str, remedy: str) -> None:
    """Nobody is told to serve fewer callers; the remedy is that of the chain's driver."""
    plan = plan_of(line, faults=[OUTAGE])
    book = Book().steady()
    for tenth in range(110, 390):
        served = tenth % 2 == 0
        tries = [fails(503), Try(at="azure", after_s=1)] if served else [fails(503)]
        book.request(tenth / 10, *tries, **({} if served else {"outcome": "error", "status": 503}))
    (row,) = JudgedRun.of(book.run(plan)).verdict.expectations
    assert row.status is Status.FAIL
    assert row.remedy.startswith(remedy)
    assert bool(row.remedy) == bool(remedy)


def test_peers_share_a_box_and_each_order_has_its_own() -> None:
    """Peers are drawn as peers; a mix with several orders shows each, with what asks for it."""
    peers = plan_of(order=("east", "west", "claude"), peers=[("east", "west")])
    drawn = show.opening(JudgedRun.of(Book().run(peers))).html
    assert re.search(r'<li class="peers">.*east.*west.*</li><li class="single">.*claude', drawn)
    parts = (MixPart(share=0.5), MixPart(share=0.5, kind="embeddings"))
    mixed = replace(peers, load=replace(peers.load, mix=parts), orders=(("east", "claude"), ("claude",)))
    assert show.opening(JudgedRun.of(Book().run(mixed))).html.count('<ol class="chain">') == 2
    alone = plan_of(order=("only",))
    assert show.opening(JudgedRun.of(Book().run(alone))).html.count('class="provider"') == 1


def test_names_are_no_markup() -> None:
    """Of providers, models and the chain's own words."""
    nasty = "<img src=x onerror=alert(1)>"
    plan = plan_of("success_rate >= 99%", order=(nasty, "b"), faults=[replace(OUTAGE, on=nasty)])
    plan = replace(plan, correct=nasty, title=nasty)
    environment: dict[str, Any] = {"started": nasty, "engine": "live", "chain": {"versions": {"litellm": nasty}}}
    shown = show.opening(replace(JudgedRun.of(Book().run(plan)), environment=environment)).html
    assert "<img" not in shown
    assert nasty in unescape(shown)


@pytest.mark.parametrize(
    ("environment", "began", "library", "engine"),
    [
        ({}, "", "", ""),
        (SIMULATED, "29 November 2026, 20:22 UTC", "LiteLLM 1.106.2 (litellm-router)", "simulated: "),
        ({"engine": "live", "versions": {"litellm": "1.2"}}, "", "LiteLLM 1.2 (litellm-router)", "live: "),
        ({"started": "yesterday", "versions": None, "engine": "x"}, "", "", ""),
    ],
)
def test_what_is_not_recorded_is_left_out(
    hasty: JudgedRun, environment: dict[str, Any], began: str, library: str, engine: str
) -> None:
    """Runs of older versions recorded less."""
    run = replace(hasty, environment=environment)
    assert circumstances.began(run) == began
    assert circumstances.library(run) == library
    assert circumstances.engine(run).startswith(engine)
    assert text(run)


def test_what_was_wasted_is_what_the_metrics_count() -> None:
    """In tokens and in dollars; a provider without a price is named."""
    plan = plan_of(order=("openai", "azure"), faults=[OUTAGE])
    providers = {
        name: replace(each, price=Price(input=10.0, output=20.0)) for name, each in plan.chain.providers.items()
    }
    plan = replace(plan, chain=replace(plan.chain, providers=providers))
    billed = {"tokens_in": 10, "tokens_out": 5, "cost_usd": 0.25}
    book = Book()
    book.request(11, fails(None, outcome="cut", more=billed), Try(at="azure", more={**billed, "cost_usd": 0.75}))
    run = JudgedRun.of(book.run(plan))
    spent = spending(run.data)
    assert (spent.cost_usd, spent.wasted_usd, spent.tokens, spent.wasted_tokens) == (1.0, 0.25, 30, 15)
    assert spent.wasted_tokens == run.metrics.phases["run"]["wasted_tokens"].value
    assert math.isclose(spent.wasted_usd, run.metrics.phases["run"]["cost"].value or 0)
    assert cost(spent) == (
        "$1 at the chain's prices (nothing was paid: no provider was real). Wasted: $0.25 (25 %): 15 of 30 tokens, in 1 "
        "attempt whose answer no caller got."
    )
    assert cost(replace(spent, real_usd=0.5, unpriced=("x",))).endswith("The price of x is not known.")
    assert "$0.5 of it was paid to real providers" in cost(replace(spent, real_usd=0.5))
    assert cost(replace(spent, cost_usd=None, unpriced=("x",))).startswith(
        "not known in dollars: no price is known for x."
    )
    assert cost(replace(spent, tokens=0)) == "no attempt was billed any tokens."


def test_rows_say_whether_they_count(hasty: JudgedRun) -> None:
    """A note does not count, a required finding fails the run, and what was expected counts because of that."""
    seen = next(finding for finding in hasty.verdict.findings if finding.id == "retry_after_ignored")
    bare = Verdict(status=Status.FAIL, exit_code=1)
    assert words.counted(seen, hasty.verdict) == "counts: expected not to be seen"
    assert words.counted(seen, bare) == "counts: fails the run"
    assert words.counted(replace(seen, severity="advisory"), bare) == "does not count"
    assert words.counted(replace(seen, status=Status.INCONCLUSIVE), bare) == "does not count"
    noted = replace(hasty.verdict, findings=(replace(seen, id="late_fallback", severity="advisory"),))
    assert "does not count" in show.verdict(replace(hasty, verdict=noted)).html


def test_an_ailment_is_not_said_twice(hasty: JudgedRun) -> None:
    """It is a reason of the verdict too; the notes leave it out."""
    sick = Verdict(
        status=Status.INCONCLUSIVE,
        exit_code=3,
        reasons=("2 records lost",),
        ailments=(Ailment(what="2 records lost", remedy="x."),),
    )
    assert text(replace(hasty, verdict=sick)).count("2 records lost") == 1


def test_last_week_is_linked_where_there_is_an_index(folder: RunFolder) -> None:
    """The list of runs lies above the scenario's folder."""
    run = JudgedRun.of(RunData.of(folder.plan(), folder.history()), path=folder.path)
    assert "Is it worse than last week?" not in show.opening(run).html
    index = folder.path.parent.parent / "index.html"
    index.touch()
    assert f'href="../../index.html#{run.plan.name}"' in show.opening(run).html
    index.unlink()
