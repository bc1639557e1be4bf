"""Counts of a run that goes on, held against the tables of the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.chain.policy import Policy
from harness.history import HealthRecord, ProviderState, as_records
from harness.history.assemble import assemble
from harness.history.records import AttemptRecord, ChainAttempt, RequestRecord
from harness.judge import RunData, measure
from harness.judge.metrics import RUN
from harness.scenario import Fault, Inject, Plan
from harness.store.capture import EdgeAttempt, Origin, Row
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.finished import counts_of
from harness.watch.instruments import INSTRUMENTS
from harness.watch.live_counts import GRACE_S, LiveCounts
from tests.histories import primary_429
from tests.judge.histories import Book, Try, fails, mixed, plan_of
from tests.judge.strategies import PROVIDERS, books, plans, spoil

QUOTA = Fault(on="openai", during="fault", inject=Inject(status=429, error="quota"))


class Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def live(plan: Plan, rows: Sequence[Row]) -> Counts:
    """Return what is counted of rows that come in one after the other."""
    counting = LiveCounts(plan)
    for row in rows:
        counting.take([row])
    counting.settle()
    return counting.counts


def plain(counts: Counts) -> dict[str, Any]:
    """Return counts in plain data, without what is 0, rounded."""
    found: dict[str, Any] = {}
    for instrument in INSTRUMENTS:
        for labels, value in counts.numbers.get(instrument, {}).items():
            if value:
                found[f"{instrument.name}{labels}"] = pytest.approx(value, abs=1e-6)
        for labels, one in counts.histograms.get(instrument, {}).items():
            if any(one.buckets):
                found[f"{instrument.name}{labels}"] = (one.buckets, pytest.approx(one.total, abs=1e-6))
    return found


def judged(plan: Plan, requests: Sequence[RequestRecord], attempts: Sequence[AttemptRecord]) -> Counts:
    """Return what is counted of a finished run whose attempts the edge alone has recorded."""
    edge = [(None, attempt) for attempt in attempts]
    history = assemble(plan.digest, requests=requests, edge=edge, chain=(), faults=(), listeners={}, ending=())
    return counts_of(RunData.of(plan, history))


@given(st.data())
@settings(max_examples=15)
def test_counting_row_by_row_gives_what_the_judge_finds(data: st.DataObject) -> None:
    """Random histories, with hedges, retries for several models, used-up quotas, and answers that nobody can name."""
    plan, book = data.draw(plans()), data.draw(books())
    if data.draw(st.booleans()):
        plan = plan_of(faults=[QUOTA])
    spoil(data.draw, book)
    if data.draw(st.booleans()):
        orders = [tuple(data.draw(st.permutations(PROVIDERS))) for _ in range(2)]
        plan = mixed(plan, book, [data.draw(st.integers(0, 1)) for _ in book.requests], orders=orders)
    rows = [*(EdgeAttempt.of(None, attempt) for attempt in book.attempts), *book.requests]
    assert plain(live(plan, rows)) == plain(judged(plan, book.requests, book.attempts))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5)
def test_the_order_of_the_rows_does_not_matter(seed: int) -> None:
    """Each process writes its own file, and the chain's rows may come before or after the edge's."""
    plan = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(status=503))])
    book = Book()
    for at in range(12, 30):
        book.request(at, fails(503), fails(503, after_s=1), Try(at="azure", after_s=0.5))
    history = book.run(plan).columns.history
    attempts = as_records(AttemptRecord, history.attempts)
    edge = [(f"a-{place}", each) for place, each in enumerate(attempts)]
    chain = [
        ChainAttempt(
            key=key,
            request_id=each.request_id,
            provider=each.provider,
            start_ns=each.start_ns,
            end_ns=(each.end_ns or 0) + 7,
            status=None if place % 5 == 0 else each.status,
            outcome="reset" if place % 5 == 0 else each.outcome,
        )
        for place, (key, each) in enumerate(edge)
    ]
    chain.append(
        ChainAttempt(key="b", request_id="req-000001", provider="openai", start_ns=1, end_ns=2, outcome="refused")
    )
    requests = as_records(RequestRecord, history.requests)
    joined = assemble(plan.digest, requests=requests, edge=edge, chain=chain, faults=(), listeners={}, ending=())
    rows: list[Row] = [*(EdgeAttempt.of(*each) for each in edge), *chain, *requests]
    Random(seed).shuffle(rows)
    assert plain(live(plan, rows)) == plain(counts_of(RunData.of(plan, joined)))


def test_the_counts_agree_with_the_metrics_of_the_run() -> None:
    """What `metrics.prom` and `metrics.json` both give is the same."""
    plan, history = primary_429()
    run = RunData.of(plan, history)
    counts, metrics = counts_of(run), measure(run)
    whole = metrics.phases[RUN]
    requests, attempts = counts.numbers[names.REQUESTS], counts.numbers[names.ATTEMPTS]
    assert sum(requests.values()) == whole["requests"].value == whole["success_rate"].samples
    answered = sum(number for (outcome, _, _), number in requests.items() if outcome == "ok")
    assert answered / sum(requests.values()) == whole["success_rate"].value
    assert sum(attempts.values()) == whole["attempts"].value
    assert sum(counts.numbers[names.FALLBACKS].values()) == whole["fallbacks"].value > 0
    for provider, numbers in metrics.providers.items():
        own = sum(number for (name, _, _), number in attempts.items() if name == provider)
        assert own == numbers["attempts"].value
    (durations,) = counts.histograms[names.REQUEST_DURATION].values()
    assert sum(durations.buckets) == whole["requests"].value


def test_a_scrape_before_the_first_row_finds_zeros() -> None:
    """Every provider has its series from the beginning, so that the first failure is an increase."""
    plan = plan_of(faults=[QUOTA])
    counts = LiveCounts(plan).counts
    assert counts.numbers[names.ATTEMPTS]["azure", "ok", "200"] == 0
    assert not counts.numbers.get(names.PROVIDER_STATE)
    reporting = replace(plan, chain=replace(plan.chain, policy=Policy()))
    assert LiveCounts(reporting).counts.numbers[names.PROVIDER_STATE]["openai", "closed"] == 1
    assert counts.numbers[names.FAULT_ACTIVE]["openai", "fault-1", "status"] == 0
    assert [sum(each.buckets) for each in counts.histograms[names.REQUEST_DURATION].values()] == [0]


def test_warm_up_is_outside_of_every_count() -> None:
    """As it is outside of every metric."""
    plan = plan_of()
    warm = AttemptRecord(
        attempt_id="warmup-000001.openai.1", request_id="warmup-000001", provider="openai", start_ns=1, outcome="ok"
    )
    request = RequestRecord(request_id="warmup-000001", phase="warmup", scheduled_ns=0, end_ns=9, outcome="ok")
    assert plain(live(plan, [EdgeAttempt.of(None, warm), request])) == plain(LiveCounts(plan).counts)


def test_an_attempt_waits_for_its_other_half_but_not_for_ever() -> None:
    """A process that died writes nothing any more."""
    clock = Clock()
    counting = LiveCounts(plan_of(), clock=clock)
    attempt = AttemptRecord(
        attempt_id="req-000001.openai.1",
        request_id="req-000001",
        provider="openai",
        start_ns=1,
        status=503,
        outcome="status",
    )
    counting.take([EdgeAttempt.of("a-1", attempt)])
    assert ("openai", "status", "503") not in counting.counts.numbers[names.ATTEMPTS]
    clock.now_s += GRACE_S
    counting.take([])
    assert counting.counts.numbers[names.ATTEMPTS]["openai", "status", "503"] == 1


def test_gauges_are_the_last_that_was_written() -> None:
    """Breakers, faults and processes."""
    clock = Clock()
    counting = LiveCounts(plan_of(faults=[QUOTA]), clock=clock)
    record = HealthRecord(
        process="edge", at_ns=5, loop_lag_ns=10**6, cpu_ns=2 * 10**9, resident_bytes=99, buffered_rows=3
    )
    counting.take([Origin(at_ns=0), record, replace(record, cpu_ns=3 * 10**9, buffered_rows=4)])
    counting.take([ProviderState(provider="openai", at_ns=6, state="open", why="503")])
    numbers = counting.counts.numbers
    assert numbers[names.PROCESS_CPU]["edge",] == 3
    assert numbers[names.CAPTURE_ROWS]["edge",] == 4
    assert (numbers[names.PROVIDER_STATE]["openai", "open"], numbers[names.PROVIDER_STATE]["openai", "closed"]) == (
        1,
        0,
    )
    assert numbers[names.FAULT_ACTIVE]["openai", "fault-1", "status"] == 0
    clock.now_s = 12.0
    counting.take([])
    assert numbers[names.FAULT_ACTIVE]["openai", "fault-1", "status"] == 1


def test_counts_add_up() -> None:
    """A suite runs one scenario several times: counters add up, a gauge is the later run's."""
    one, other = Counts(), Counts()
    for counts, amount in ((one, 2), (other, 3)):
        counts.add(names.RETRIES, "openai", amount=amount)
        counts.set(names.PROCESS_RESIDENT, "edge", value=amount)
        counts.observe(names.DISPATCH_LAG, seconds=0.002 * amount)
    both = one.plus(other)
    assert both.numbers[names.RETRIES]["openai",] == 5
    assert both.numbers[names.PROCESS_RESIDENT]["edge",] == 3
    found = both.histograms[names.DISPATCH_LAG][()]
    assert (sum(found.buckets), found.total) == (2, pytest.approx(0.01))
    assert one.numbers[names.RETRIES]["openai",] == 2


def test_a_bucket_holds_its_upper_bound() -> None:
    """As Prometheus has it: `le` is less or equal, both one by one and many at once."""
    one, many = Counts(), Counts()
    values = [0.0, 0.001, 0.0011, 1.0, 7.0]
    for value in values:
        one.observe(names.DISPATCH_LAG, seconds=value)
    many.observe_all(names.DISPATCH_LAG, seconds=values)
    assert plain(one) == plain(many)
    buckets = one.histograms[names.DISPATCH_LAG][()].buckets
    assert (buckets[0], buckets[1], buckets[-2], buckets[-1]) == (2, 1, 1, 1)
