"""The notebooks that answer an engineer's next question, on a passing, a failing and an inconclusive run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.judge import RunData, Status
from harness.report import JudgedRun, notebook, show
from harness.scenario import Fault, Inject
from harness.sim import run
from harness.store import RunFolder, tables
from tests.histories import framed, history, plan_in
from tests.judge.histories import Book, Try, fails, plan_of

CHAIN = """\
name: careful
driver: reference
providers:
  openai:    {dialect: openai,    model: gpt-4}
  azure:     {dialect: azure,     model: gpt-4}
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022}
order: [openai, azure, anthropic]
retry: {attempts: 3, backoff: equal-jitter}
policy: {base: 500ms, breaker: null, budget: null}
"""
SCENARIO = """\
name: analysed
title: analysed
chain: chain.yaml
seed: 1
load: {rate: 4/s, deadline: 20s}
phases: {baseline: 4s, fault: 15s, recovery: 4s}
faults: [FAULT]
expect: [EXPECT]
"""
RUNS: Mapping[Status, tuple[str, str]] = {
    Status.PASS: ("{on: primary, during: fault, inject: {status: 503}}", "success_rate in fault >= 70%"),
    Status.FAIL: ("{on: all, during: fault, inject: {status: 503}}", "success_rate in fault >= 99%"),
    Status.INCONCLUSIVE: ("", "p95 fallback_overhead < 1s"),
}
NAMES = ("retry-timing", "fallback-overhead", "success-after-fallback", "request-explorer")
RETRIES = (show.retry_backoff, show.retry_after, show.retry_gaps, show.lockstep)
BLOCKS = (*RETRIES, show.fallbacks, show.success, show.success_over_time, show.not_served, show.overhead_split)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Status, RunFolder]:
    """Return the folder of a run of each verdict, made in simulation."""
    root = tmp_path_factory.mktemp("analysed")
    (root / "chain.yaml").write_text(CHAIN, encoding="utf-8")
    found = {}
    for status, (fault, expect) in RUNS.items():
        path = root / f"{status}.yaml"
        path.write_text(SCENARIO.replace("FAULT", fault).replace("EXPECT", expect), encoding="utf-8")
        loaded = load(path)
        kept = RunFolder.create(root / str(status), loaded.plan)
        tables.write(kept.path, run(loaded.plan, loaded.chain).history)
        kept.publish()
        found[status] = kept
    return found


@pytest.fixture(scope="module")
def judged(folders: dict[Status, RunFolder]) -> dict[Status, JudgedRun]:
    """Return these runs, judged."""
    return {
        status: JudgedRun.of(RunData.of(folder.plan(), folder.history()), path=folder.path)
        for status, folder in folders.items()
    }


def test_the_runs_are_what_they_are_called(judged: dict[Status, JudgedRun]) -> None:
    """Or the other tests would test one thing three times."""
    assert {status: each.verdict.status for status, each in judged.items()} == {status: status for status in RUNS}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", RUNS)
def test_a_notebook_runs(name: str, status: Status, folders: dict[Status, RunFolder]) -> None:
    """To its end, and every block shows a table, a picture, or why there is none."""
    code = [cell for cell in notebook.execute(name, folders[status].path) if not cell.markdown]
    assert not any(cell.problem or cell.printed for cell in code)
    shown = [output for cell in code for output in cell.outputs]
    assert len(shown) >= 3
    assert all("text/html" in output for output in shown)


@pytest.mark.parametrize("status", RUNS)
def test_a_block_has_rows_or_says_why_not(status: Status, judged: dict[Status, JudgedRun], path: Path) -> None:
    """Never an empty table; what has nothing to show names a scenario that exists."""
    for block in BLOCKS:
        html = block(judged[status]).html
        assert "<tbody></tbody>" not in html
        if "<td" not in html and 'class="reading"' not in html:
            assert 'class="nothing"' in html
            command = html.partition("harness run ")[2].partition("</code>")[0]
            assert command
            assert (path / command.split()[0]).is_file()


@pytest.fixture(name="path")
def _path() -> Path:
    return Path(__file__).parents[2]


def test_a_run_without_a_fault_answers_in_sentences(judged: dict[Status, JudgedRun]) -> None:
    """There is nothing to put into a table but how many were served when."""
    for block in BLOCKS:
        if block is show.success_over_time:
            continue
        assert "<table" not in block(judged[Status.INCONCLUSIVE]).html


def test_failures_without_a_fallback_are_shown(tmp_path: Path) -> None:
    """A run that fails because nobody fell back is the one about which an engineer asks."""
    plan = plan_in(tmp_path)
    kept = history(plan)
    first = kept.attempts[kept.attempts["provider"] == plan.chain.order[0]]
    alone = JudgedRun.of(RunData.of(plan, framed(kept, attempts=first)))
    html = show.success(alone).html
    assert "Failures without a fallback" in html
    assert "rate_limit" in html
    assert "No request reached a fallback." in show.success_over_time(alone).html


def test_who_was_not_served_is_said_in_words(judged: dict[Status, JudgedRun]) -> None:
    """In the failing run every provider fails."""
    html = show.not_served(judged[Status.FAIL]).html
    assert "The caller got an error 503: the last one, anthropic, failed with a server error; 3 of 3 providers" in html
    assert 'id="not-served"' in html


def test_the_worst_request_is_shown_attempt_by_attempt(judged: dict[Status, JudgedRun]) -> None:
    """It got no answer, was tried nine times, and others ended like it; the end of its caller is a row, too."""
    it = judged[Status.FAIL]
    first = re.findall(r"<code class='id'>([^<]*)<", show.worst(it).html)[0]
    html = show.request(it).html
    assert f"What did {first} do?" in html
    assert "no complete answer: error 503" in html
    assert html.count("<tr>") == 1 + 9 + 1
    assert html.count("answered 503") == 9
    assert "the same outcome, providers and triggers" in show.alike(it).html
    assert show.request(it, first).html == html


def test_a_served_request_names_the_answer_that_was_used(judged: dict[Status, JudgedRun]) -> None:
    """Of the attempts one was used."""
    it = judged[Status.PASS]
    html = show.request(it, str(it.requests["request_id"].iloc[0])).html
    assert "a complete answer from openai" in html
    assert html.count("<strong>used</strong>") == 1


def test_an_unknown_request_is_the_user_s_mistake(judged: dict[Status, JudgedRun]) -> None:
    """The error gives the known ones."""
    for block in (show.request, show.alike):
        with pytest.raises(UsageError, match="no request 'req-9'") as caught:
            block(judged[Status.PASS], "req-9")
        assert caught.value.known is not None
        assert caught.value.known.startswith("req-")


def test_names_are_text_in_every_block(judged: dict[Status, JudgedRun]) -> None:
    """A request, a kind or an error that tries to be markup is shown, not run."""
    nasty = "<img src=x>"
    it = judged[Status.FAIL]
    records = it.history.requests.assign(error=nasty)
    run = JudgedRun.of(RunData.of(it.plan, framed(it.history, requests=records)))
    for block in (*BLOCKS, show.worst, show.request, show.alike):
        assert "<img" not in block(run).html


def test_an_empty_run_is_no_error(judged: dict[Status, JudgedRun]) -> None:
    """Every block says that there is nothing."""
    it = judged[Status.FAIL]
    nobody = framed(it.history, requests=it.history.requests.iloc[:0], attempts=it.history.attempts.iloc[:0])
    run = JudgedRun.of(RunData.of(it.plan, nobody))
    for block in (*BLOCKS, show.worst, show.request, show.alike):
        html = block(run).html
        assert 'class="nothing"' in html
        assert "<table" not in html


def test_the_configured_backoff_is_found(judged: dict[Status, JudgedRun]) -> None:
    """The chain draws from the upper half of 0.5 s, then of 1 s; every wait lies within its band."""
    shown = show.retry_backoff(judged[Status.FAIL]).html
    assert shown.count("<strong>exponential with equal jitter</strong>") == 3
    assert "250–500 ms before the first retry, 0.5–1 s before the second" in shown
    gaps = show.retry_gaps(judged[Status.FAIL]).html
    assert "No wait was more than 50 ms outside of its band." in gaps


def test_a_retry_after_that_is_ignored_is_called_so(hasty: JudgedRun, demo: JudgedRun) -> None:
    """Every 25th request of the one run is 150 ms too early; of the other none is."""
    early = show.retry_after(hasty).html
    assert "too early" in early
    assert "100 %" not in early
    assert "100 %" in show.retry_after(demo).html
    assert "Furthest outside of the band" in show.retry_gaps(hasty).html


def test_what_cannot_be_observed_is_said() -> None:
    """Refused connections at an `endpoint` chain have no record, so that no number of attempts would be right."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of(faults=[refused], endpoint=True)
    book = Book().steady()
    book.request(12, Try(at="azure"))
    book.request(13, fails(503, at="azure"), status=503)
    blind = JudgedRun.of(RunData.of(plan, book.history(plan, fired=None, unseen=True)))
    for block in (*RETRIES, show.fallbacks, show.success, show.overhead_split, show.worst):
        assert "cannot be shown" in block(blind).html
    assert "which providers were tried is not observable" in show.not_served(blind).html


def test_an_interrupted_run_has_what_there_is(judged: dict[Status, JudgedRun]) -> None:
    """Requests after the first forty, and the ends of two attempts, are missing."""
    it = judged[Status.FAIL]
    requests = it.history.requests.sort_values("scheduled_ns").iloc[:40]
    attempts = it.history.attempts[it.history.attempts["request_id"].isin(requests["request_id"])].copy()
    attempts.loc[attempts.index[-2:], ["end_ns", "status"]] = None
    attempts.loc[attempts.index[-2:], "outcome"] = "client_left"
    cut = framed(it.history, requests=requests, attempts=attempts, complete=False)
    run = JudgedRun.of(RunData.of(it.plan, cut))
    for block in (*BLOCKS, show.worst, show.request, show.alike):
        assert "<tbody></tbody>" not in block(run).html
