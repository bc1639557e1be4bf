"""Which requests are worst, and which are like one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from harness.judge.tables.likeness import LIKE, alike, likeness, worst_first
from tests.judge.histories import OUTAGE, Book, Try, fails, plan_of
from tests.judge.strategies import books

PLAN = plan_of(faults=[OUTAGE])


def test_what_makes_requests_alike() -> None:
    """How they ended, who was asked how often, and what triggered each step."""
    book = Book()
    book.request(12, fails(503), fails(503, after_s=1), fails(429, at="azure"), Try(at="anthropic"))
    book.request(13, fails(400), status=400)
    book.request(14, outcome="dropped", start_ns=None, end_ns=None)
    run = book.run(PLAN)
    found = likeness(run.columns, run.fallbacks)[list(LIKE)]
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("complete", "openai ×2 → azure → anthropic", "server_error, rate_limit"),
        ("error 400", "openai", ""),
        ("dropped", "", ""),
    ]


def test_others_are_counted_from_most_to_least_alike() -> None:
    """The third has another trigger, the fourth another provider, and the request itself is not among them."""
    book = Book()
    book.request(12, fails(503, took_s=1), Try(at="azure"))
    book.request(13, fails(503, took_s=3), Try(at="azure"))
    book.request(14, fails(429, took_s=2), Try(at="azure"))
    book.request(15, Try(took_s=0.5))
    run = book.run(PLAN)
    found = alike(run.columns, run.journeys, run.fallbacks, 0)
    assert list(found["same"]) == [3, 2, 1]
    assert list(found["requests"]) == [1, 2, 3]
    assert list(found["examples"]) == [
        ("req-000002",),
        ("req-000003", "req-000002"),
        ("req-000004", "req-000003", "req-000002"),
    ]


@settings(max_examples=40)
@given(book=books())
def test_the_worst_come_first(book: Book) -> None:
    """Every request once: those without an answer before the others, the slowest first in both."""
    run = book.run(PLAN)
    order = worst_first(run.columns, run.journeys)
    assert sorted(order) == list(range(len(run.columns.requests)))
    complete = run.columns.requests.complete[order]
    assert not (complete[:-1] & ~complete[1:]).any()
    took = np.nan_to_num(run.journeys.latency_ns[order], nan=-1)
    assert ((took[:-1] >= took[1:]) | (complete[:-1] != complete[1:])).all()
