"""How often a fallback helped, who was not served, and what falling back cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from harness.judge import RUN, fallbacks, journeys, measure
from harness.judge.intervals import wilson
from harness.judge.tables.overhead import PARTS, overhead_by, overhead_table, untouched
from harness.judge.tables.served import GROUPS_MAX, not_served, passed_on_nowhere, success_by, success_over_time
from harness.quantities import MS, S
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of
from tests.judge.strategies import books

PLAN = plan_of(faults=[OUTAGE])
KEYS = ("trigger", "to_provider", "depth", "fault_id", "kind")


def _mixed() -> Book:
    """Return two requests that azure serves, one that anthropic serves after azure, and one that nobody serves."""
    book = Book().steady()
    for place in range(2):
        book.request(12 + place, fails(503), Try(at="azure", after_s=0.5))
    book.request(20, fails(503), fails(429, at="azure", after_s=1), Try(at="anthropic", after_s=2, took_s=0.3))
    book.request(30, fails(503), fails(429, at="azure"), fails(500, at="anthropic"), status=500)
    return book


def test_success_by_provider_counts_steps() -> None:
    """Azure was reached four times and served two; the interval is Wilson's."""
    found = success_by(fallbacks(_mixed().run(PLAN)), "to_provider").set_index("to_provider")
    assert found["samples"].to_dict() == {"azure": 4, "anthropic": 2}
    assert found["served"].to_dict() == {"azure": 2, "anthropic": 1}
    assert tuple(found.loc["azure", ["low", "high"]]) == wilson(2, 4)


@settings(max_examples=30)
@given(book=books())
def test_every_step_is_counted_once(book: Book) -> None:
    """By whatever column: as many as there are, without those whose answer was not needed and those without a value."""
    steps = fallbacks(book.run(PLAN))
    for key in KEYS:
        found = success_by(steps, key)
        counted = steps[(steps["result"] != "unused") & steps[key].notna()]
        assert found["samples"].sum() == len(counted)
        assert found["served"].sum() == (counted["result"] == "served").sum()
        assert found["share"].between(found["low"], found["high"]).all()


@settings(max_examples=30)
@given(book=books())
def test_success_over_time_adds_up_to_the_metric(book: Book) -> None:
    """Every request that reached a fallback lies in one stretch, of its own phase."""
    run = book.run(PLAN)
    found = success_over_time(run.columns, run.journeys)
    metrics = measure(run).phases[RUN]
    for name, before in (("success_rate", ""), ("success_after_fallback", "fallback_")):
        metric = metrics[name]
        assert found[f"{before}samples"].sum() == metric.samples
        assert metric.value is None or found[f"{before}served"].sum() == pytest.approx(metric.value * metric.samples)
    assert (found["end_ns"] > found["begin_ns"]).all()
    bounds = {phase.name: phase for phase in run.plan.phases}
    for row in found.itertuples():
        assert bounds[row.phase].start_ns <= row.begin_ns < row.end_ns <= bounds[row.phase].end_ns


def test_what_fails_without_a_fallback_is_counted() -> None:
    """Two requests stay at openai; one of them is served in the end, after two failures."""
    book = _mixed()
    book.request(31, fails(503), fails(503), Try())
    book.request(32, fails(400), status=400)
    run = book.run(PLAN)
    found = passed_on_nowhere(run.columns, run.journeys)
    assert [tuple(row) for row in found.itertuples(index=False)] == [
        ("openai", "invalid", 1, 1, 0),
        ("openai", "server_error", 2, 1, 1),
    ]


def test_who_was_not_served_and_why() -> None:
    """By how it ended, who was asked last, and why that failed."""
    book = _mixed()
    book.request(31, fails(503), fails(429, at="azure"), fails(500, at="anthropic"), status=500)
    book.request(32, fails(400), status=400)
    book.request(33, Try(took_s=9), outcome="deadline", complete=False)
    book.request(34, outcome="dropped", start_ns=None, end_ns=None)
    run = book.run(PLAN)
    found = not_served(run.columns, run.journeys)
    keys = ["ended", "provider", "cause", "tried", "requests"]
    rows = [tuple(None if pd.isna(cell) else cell for cell in row) for row in found[keys].itertuples(index=False)]
    assert rows == [
        ("error", "anthropic", "server_error", 3, 2),
        ("error", "openai", "invalid", 1, 1),
        ("caller left", "openai", None, 1, 1),
        ("never sent", None, None, 0, 1),
    ]
    assert list(found["status"].iloc[:2]) == [500, 400]
    assert found["examples"].iloc[0] == ("req-000024", "req-000025")
    assert (found["first_ns"].iloc[0], found["last_ns"].iloc[0]) == (30 * S, 31 * S)
    assert set(found["of"]) == {3}


@settings(max_examples=40)
@given(book=books(size_max=40))
def test_nobody_is_left_out_or_counted_twice(book: Book) -> None:
    """At most five groups, the largest first but for the rest, which hold every request without a complete answer."""
    run = book.run(PLAN)
    found = not_served(run.columns, run.journeys)
    lost = journeys(run)
    lost = lost[~lost["complete"]]
    assert len(found) <= GROUPS_MAX
    assert found["requests"].sum() == len(lost)
    named = found[found["ended"].notna()] if len(found) else found
    assert named["requests"].is_monotonic_decreasing
    examples = [name for names in found["examples"] for name in names]
    assert len(examples) == len(set(examples))
    assert set(examples) <= set(lost["request_id"])


def test_a_rewritten_answer_may_be_complete() -> None:
    """So its caller is not among those without one."""
    plan = replace(PLAN, chain=replace(PLAN.chain, answers=("rewrites",)))
    book = Book()
    book.request(12, Try(), complete=False, served_by=None, served_attempt=None, sources=())
    for chosen, lost in ((plan, 0), (PLAN, 1)):
        run = book.run(chosen)
        assert len(not_served(run.columns, run.journeys)) == lost


def test_where_attempts_have_no_record_nothing_is_claimed() -> None:
    """Which provider was asked last is not observable there."""
    run = _mixed().run(PLAN)
    run = replace(
        run, columns=replace(run.columns, requests=replace(run.columns.requests, blind=np.ones(24, dtype=bool)))
    )
    (row,) = not_served(run.columns, run.journeys).to_dict("records")
    assert (row["ended"], row["tried"]) == ("error", -1)
    assert pd.isna(row["provider"])


def test_the_parts_of_a_fallback() -> None:
    """The third request: 10 ms in each failed attempt, 3 s waiting, 305 ms serving, 5 ms before all that."""
    run = _mixed().run(PLAN)
    found = overhead_table(run.columns, run.journeys, run.fallbacks)
    assert list(found["depth"]) == [1, 1, 2]
    assert set(found["trigger"]) == {"server_error"}
    third = found.iloc[2]
    assert third[["before_ns", *PARTS]].tolist() == [5 * MS, 20 * MS, 3 * S, 305 * MS]
    assert third["total_ns"] == ns(3.33)
    assert third["avoidable_ns"] == ns(3.01)
    assert untouched(run.columns, run.journeys).sum() == 20


@settings(max_examples=40)
@given(book=books())
def test_the_parts_add_up(book: Book) -> None:
    """To the time from the intended start to the end; what was avoidable lies before the attempt that served."""
    run = book.run(PLAN)
    found = overhead_table(run.columns, run.journeys, run.fallbacks)
    parts = found[["before_ns", *PARTS]]
    assert (parts >= 0).all(axis=None)
    # Stamps of two processes may be in the wrong order by a little: such a part counts as nothing.
    ordered = (found["before_ns"] > 0) & (found["serving_ns"] > 0)
    assert np.allclose(parts.sum(axis=1)[ordered], found["total_ns"][ordered])
    assert (found["avoidable_ns"] <= found["failed_ns"] + found["waiting_ns"] + 1).all()
    assert (found["depth"] >= 1).all()
    for key in ("depth", "trigger", "served_by"):
        split = overhead_by(found, key)
        assert split["requests"].sum() == len(found)
        assert split["wasted"].between(0, 1).all()
    assert not (untouched(run.columns, run.journeys) & run.journeys.reached_fallback).any()
