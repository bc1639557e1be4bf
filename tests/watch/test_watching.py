"""Runs that go on, and what happened in them a moment ago."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Price
from harness.history.records import AttemptRecord, ProviderState
from harness.provider.answer import Answer
from harness.scenario import Fault, Inject
from harness.store import Capture, Origin, RunFolder
from harness.store.capture import EdgeAttempt, Row
from harness.watch import exposition
from harness.watch import instruments as names
from harness.watch.exposition import RunCounts
from harness.watch.live_counts import GRACE_S, LiveCounts
from harness.watch.served_counts import ServedCounts
from harness.watch.steps import FallbackStep
from harness.watch.watching import RECENT_S, ProviderNow, Watch, WatchedRun
from tests.judge.histories import Book, Try, fails, plan_of
from tests.polling import until_async
from tests.watch.test_counts import Clock

PLAN = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(status=503))])


def fallen_back() -> list[Row]:
    """Return the rows of a request that the second provider served."""
    book = Book()
    book.request(12, fails(503), fails(503, after_s=1), Try(at="azure"))
    attempts = (replace(each, text_sha256="abc") for each in book.attempts)
    return [
        *(EdgeAttempt.of(None, each) for each in attempts),
        *(replace(each, text_sha256="abc") for each in book.requests),
    ]


def test_a_run_is_counted_while_it_writes(tmp_path: Path) -> None:
    """And to its last row, once it has ended."""

    async def watched() -> Watch:
        watch = Watch()
        with Capture(tmp_path, "edge") as capture:
            async with watch.over(PLAN, tmp_path):
                for row in fallen_back():
                    capture.put(row)
                await until_async(lambda: watch.runs()[0].counts.numbers[names.FALLBACKS])
                assert [run["scenario"] for run in watch.health()["runs"]] == ["test"]
                capture.put(EdgeAttempt.of(None, late))
                capture.close()
        return watch

    late = AttemptRecord(
        attempt_id="req-000002.openai.1", request_id="req-000002", provider="openai", start_ns=1, outcome="cut"
    )
    watch = asyncio.run(watched())
    (found,) = watch.runs()
    assert (found.scenario, found.chain, watch.going, watch.problems) == ("test", "test", (), [])
    assert found.counts.numbers[names.FALLBACKS] == {("openai", "azure", "server_error"): 1}
    assert found.counts.numbers[names.ATTEMPTS]["openai", "cut", ""] == 1


def test_a_damaged_file_ends_the_watching_and_not_the_run(tmp_path: Path) -> None:
    """The verdict will say what is wrong with it; `/health` already does."""

    async def watched() -> Watch:
        watch = Watch()
        async with watch.over(PLAN, tmp_path):
            (tmp_path / "edge.jsonl").write_text("oops\n")
            await until_async(lambda: watch.problems)
        return watch

    watch = asyncio.run(watched())
    assert "no format in its first line" in watch.problems[0]
    assert watch.health()["problems"] == watch.problems


def test_runs_of_one_scenario_add_up(tmp_path: Path) -> None:
    """A suite repeats it with other seeds, some of them at the same time."""

    async def both() -> Watch:
        watch = Watch()
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            with Capture(tmp_path / name, "edge") as capture:
                for row in fallen_back():
                    capture.put(row)
        async with watch.over(PLAN, tmp_path / "one"), watch.over(PLAN, tmp_path / "other"):
            pass
        return watch

    (found,) = asyncio.run(both()).runs()
    assert found.counts.numbers[names.REQUESTS]["ok", "azure", "chat"] == 2


def test_a_run_that_was_judged_is_added_from_its_folder(tmp_path: Path) -> None:
    """A simulated one of a suite has no rows before; and one without metrics costs nobody anything."""
    folder = RunFolder.create(tmp_path, PLAN)
    watch = Watch()
    watch.add_judged(folder)
    assert (watch.runs(), len(watch.problems)) == ([], 1)
    counts = LiveCounts(PLAN)
    counts.take(fallen_back())
    counts.settle()
    folder.write_prometheus(exposition.text([RunCounts(scenario="test", chain="test", counts=counts.counts)]))
    for _ in range(2):
        watch.add_judged(folder)
    (found,) = watch.runs()
    assert found.counts.numbers[names.REQUESTS]["ok", "azure", "chat"] == 2


def test_the_view_has_the_last_seconds() -> None:
    """Who serves, what each provider does, and the last fallbacks with their cause."""
    clock = Clock()
    run = WatchedRun(PLAN, clock=clock)
    opened = ProviderState(provider="openai", at_ns=5, state="open", why="503")
    clock.now_s = 13.0
    run.take([Origin(at_ns=0), opened, *fallen_back()])
    clock.now_s += GRACE_S
    run.take([])
    now = run.now()
    assert now.providers[0] == ProviderNow(name="openai", state="open", faults=("503",), attempts=2, failed=2, served=0)
    assert (now.providers[1].served, now.providers[1].failed, now.requests, now.complete) == (1, 0, 1, 1)
    step = FallbackStep(from_provider="openai", to_provider="azure", trigger="server_error", status=503)
    assert now.steps == ((0.0, step),)
    assert now.attempts_per_s == pytest.approx(3 / RECENT_S)
    clock.now_s += 2 * RECENT_S
    later = run.now()
    assert (later.attempts_per_s, later.providers[1].served, later.requests) == (0, 0, 1)
    assert later.steps == ((2 * RECENT_S, step),)


def test_served_attempts_are_counted_when_somebody_asks() -> None:
    """Or by a timer: the list stays short."""
    priced = replace(PLAN.chain.providers["azure"], price=Price(input=1.0, output=2.0))
    served = ServedCounts(replace(PLAN.chain, providers={**PLAN.chain.providers, "azure": priced}))
    for row in fallen_back():
        if isinstance(row, EdgeAttempt):
            took_ns = None if row.end_ns is None else row.end_ns - row.start_ns
            answer = Answer(reply=[], tokens_in=10, tokens_out=3)
            served.count(row.provider, row.outcome, row.status, took_ns, answer)
    (found,) = served.runs()
    (again,) = served.runs()
    assert again.counts.numbers == found.counts.numbers
    assert (found.scenario, found.chain) == ("", "test")
    assert found.counts.numbers[names.ATTEMPTS]["openai", "status", "503"] == 2
    assert sum(found.counts.histograms[names.ATTEMPT_DURATION]["azure",].buckets) == 1
    tokens = found.counts.numbers[names.TOKENS]
    assert [tokens["openai", "in"], tokens["openai", "out"], tokens["azure", "in"]] == [20, 6, 10]
    assert found.counts.numbers[names.COST]["azure",] == pytest.approx(16e-6)
