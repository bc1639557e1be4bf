"""The table of fallbacks: which step is one, what triggered it, and how it ended."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.chain.spec import OtherAnswer
from harness.judge import RUN, fallbacks, journeys, measure
from harness.judge.tables.fallbacks import RESULTS, TRIGGERS
from harness.quantities import MS
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of
from tests.judge.strategies import PROVIDERS, books

PLAN = plan_of(faults=[OUTAGE])
PEERS = plan_of(order=("east", "west", "claude"), peers=[("east", "west")])


def table(*tries: Try, plan: Plan = PLAN, **fields: Any) -> pd.DataFrame:
    """Return the fallbacks of one request."""
    book = Book()
    book.request(12, *tries, **fields)
    return fallbacks(book.run(plan))


def rows(*tries: Try, plan: Plan = PLAN, **fields: Any) -> list[tuple[str, str, str, str]]:
    """Return trigger, both providers and result of each fallback of one request."""
    found = table(*tries, plan=plan, **fields)
    return [(row.trigger, row.from_provider, row.to_provider, row.result) for row in found.itertuples(index=False)]


def test_a_row_has_the_failure_both_providers_the_end_and_the_wait() -> None:
    """A retry between the two is none; the wait is from the end of the last failed attempt."""
    (row,) = table(fails(503), fails(429, after_s=1), Try(at="azure", after_s=0.25)).to_dict("records")
    assert row == {
        "start_ns": ns(13.275),
        "request_id": "req-000001",
        "phase": "fault",
        "kind": "chat",
        "depth": 1,
        "trigger": "rate_limit",
        "status": 429,
        "fault_id": "fault-1",
        "from_provider": "openai",
        "to_provider": "azure",
        "result": "served",
        "wait_ns": 250 * MS,
        "from_attempt": "req-000001.openai.2",
        "to_attempt": "req-000001.azure.1",
    }


def test_every_step_down_the_chain_is_a_row() -> None:
    """The first ended in a failure, the second in the answer."""
    assert rows(fails(503), fails(401, at="azure"), Try(at="anthropic")) == [
        ("server_error", "openai", "azure", "failed"),
        ("denied", "azure", "anthropic", "served"),
    ]


def test_a_first_attempt_elsewhere_is_skipped() -> None:
    """Nothing had failed, so there is neither a status nor a wait."""
    found = table(Try(at="azure"))
    assert rows(Try(at="azure")) == [("skipped", "openai", "azure", "served")]
    assert found[["status", "wait_ns", "from_attempt"]].isna().all(axis=None)


def test_a_provider_that_is_passed_over_midway_is_part_of_one_step() -> None:
    """From the failed one to the next that was tried."""
    assert rows(fails(503), Try(at="anthropic")) == [("server_error", "openai", "anthropic", "served")]


def test_a_second_attempt_while_one_is_open_is_a_hedge() -> None:
    """Whoever answers first; the other one's answer is not used."""
    slow = Try(took_s=2.0)
    assert rows(slow, Try(at="azure", after_s=-1.0)) == [("hedge", "openai", "azure", "served")]
    lost = Try(at="azure", after_s=-1.0, took_s=1.0, status=None, outcome="client_left")
    served = {"served_by": "openai", "served_attempt": "req-000001.openai.1", "complete": True, "outcome": "ok"}
    assert rows(slow, lost, **served) == [("hedge", "openai", "azure", "unused")]
    failed = fails(503, at="azure", after_s=-1.0)
    assert rows(slow, failed, **served) == [("hedge", "openai", "azure", "failed")]
    assert table(slow, lost, **served)[["status", "wait_ns"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("took_s", "first_byte_s", "trigger"), [(0.02, 0.01, "hedge"), (0.5, 0.01, "hedge"), (0.5, 0.2, "timeout")]
)
def test_a_hedge_that_answers_at_once_is_one(took_s: float, first_byte_s: float, trigger: str) -> None:
    """The chain let go of the first attempt 20 ms after the second began: as that answered, or at its own timeout."""
    left = Try(took_s=0.42, status=None, outcome="client_left")
    began_ns = ns(12) + 5 * MS + ns(0.4)
    quick = Try(at="azure", after_s=-0.02, took_s=took_s, more={"first_byte_ns": began_ns + ns(first_byte_s)})
    assert rows(left, quick) == [(trigger, "openai", "azure", "served")]


def test_of_two_hedges_the_slower_is_unused() -> None:
    """However quickly the other one answered."""
    slow = Try(took_s=0.83, status=None, outcome="client_left")
    slower = Try(at="azure", after_s=-0.43, took_s=0.43, status=None, outcome="client_left")
    assert rows(slow, slower, Try(at="anthropic", after_s=-0.03, took_s=0.03)) == [
        ("hedge", "openai", "azure", "unused"),
        ("hedge", "azure", "anthropic", "served"),
    ]


def test_an_attempt_that_fails_after_the_next_began_was_open() -> None:
    """The chain could not know of its failure."""
    assert rows(fails(503, took_s=2.0), Try(at="azure", after_s=-1.0)) == [("hedge", "openai", "azure", "served")]


def test_an_attempt_without_an_end_was_open() -> None:
    """Whether it would have failed is not known."""
    endless = Try(status=None, outcome="timeout", more={"end_ns": None})
    assert rows(endless, Try(at="azure", after_s=1.0)) == [("hedge", "openai", "azure", "served")]


def test_a_success_that_was_not_used() -> None:
    """The chain asked another provider although the first had answered."""
    assert rows(Try(), Try(at="azure", after_s=0.1)) == [("answered", "openai", "azure", "served")]


def test_an_answer_that_another_s_replaced_is_unused() -> None:
    """The chain went on although azure had answered."""
    assert rows(fails(503), Try(at="azure"), Try(at="anthropic", after_s=0.1)) == [
        ("server_error", "openai", "azure", "unused"),
        ("answered", "azure", "anthropic", "served"),
    ]


@pytest.mark.parametrize(("answers", "result"), [(("rewrites",), "served"), ((), "failed")])
def test_a_rewritten_answer_counts_as_served(answers: tuple[OtherAnswer, ...], result: str) -> None:
    """Whether it is complete is not known; of a chain that rewrites nothing, such a text is half an answer."""
    plan = replace(PLAN, chain=replace(PLAN.chain, answers=answers))
    rewritten = {"complete": False, "served_by": None, "served_attempt": None, "sources": ()}
    assert rows(fails(503), Try(at="azure"), plan=plan, **rewritten) == [("server_error", "openai", "azure", result)]


def test_a_peer_is_neither_a_fallback_nor_skipped() -> None:
    """East and west are one level; a step from either to the next level is one row."""
    assert rows(fails(503, at="east"), Try(at="west"), plan=PEERS) == []
    assert rows(Try(at="west"), plan=PEERS) == []
    assert rows(fails(503, at="east"), fails(429, at="west"), Try(at="claude"), plan=PEERS) == [
        ("rate_limit", "west", "claude", "served")
    ]
    assert rows(Try(at="claude"), plan=PEERS) == [("skipped", "east", "claude", "served")]


def test_retries_at_the_fallback_belong_to_its_step() -> None:
    """The second try served."""
    assert rows(fails(503), fails(503, at="azure"), Try(at="azure", after_s=1)) == [
        ("server_error", "openai", "azure", "served")
    ]


@pytest.mark.parametrize(
    ("fields", "result"),
    [({}, "served"), ({"complete": False}, "failed"), ({"outcome": "deadline", "complete": False}, "failed")],
)
def test_only_a_complete_answer_is_served(fields: dict[str, Any], result: str) -> None:
    """Half an answer, or one that came after the caller had left, is none."""
    assert [row[3] for row in rows(fails(503), Try(at="azure"), **fields)] == [result]


@pytest.mark.parametrize(
    ("failed", "trigger"),
    [
        (fails(429), "rate_limit"),
        (fails(429, more={"error_code": "insufficient_quota"}), "quota"),
        (fails(429, more={"error_code": "request_quota_exceeded"}), "rate_limit"),
        (fails(402), "quota"),
        (fails(500), "server_error"),
        (fails(529), "server_error"),
        (fails(409), "server_error"),
        (fails(302), "server_error"),
        (fails(504), "timeout"),
        (fails(408), "timeout"),
        (fails(404), "denied"),
        (fails(400), "invalid"),
        (fails(418), "invalid"),
        (fails(400, more={"error_code": "content_filter"}), "content_policy"),
        (fails(None, outcome="refused"), "connection"),
        (fails(None, outcome="reset"), "connection"),
        (fails(200, outcome="cut"), "connection"),
        (fails(200, outcome="malformed"), "connection"),
        (fails(200, outcome="malformed", more={"error_code": "overloaded_error"}), "server_error"),
        (fails(200, outcome="malformed", more={"error_code": "429"}), "rate_limit"),
        (fails(None, outcome="timeout"), "timeout"),
        (fails(200, outcome="timeout"), "timeout"),
        (fails(None, outcome="client_left"), "timeout"),
    ],
)
def test_every_failure_has_a_class(failed: Try, trigger: str) -> None:
    """By status, by outcome where none came, and by the code where that is more exact."""
    (row,) = table(failed, Try(at="azure", after_s=0.1)).to_dict("records")
    assert row["trigger"] == trigger
    assert row["wait_ns"] == 100 * MS
    assert row["status"] == failed.status if failed.status not in (None, 200) else pd.isna(row["status"])


def test_a_quota_is_known_by_the_fault_that_made_it() -> None:
    """Where the body is the same as at a rate limit."""
    spent = Fault(on="openai", during="fault", inject=Inject(status=429, error="quota"))
    assert [row[0] for row in rows(fails(429), Try(at="azure"), plan=plan_of(faults=[spent]))] == ["quota"]


def test_a_provider_that_was_let_go_just_as_the_next_began_has_failed() -> None:
    """The stamps of two processes may differ by 50 ms; the next one was not answering by then."""
    left = Try(at="azure", took_s=1.0, status=None, outcome="client_left")
    (first, second) = rows(fails(503), left, Try(at="anthropic", after_s=-0.02, took_s=0.5))
    assert first[3] == "failed"
    assert second == ("timeout", "azure", "anthropic", "served")


def test_warm_up_has_no_fallbacks() -> None:
    """Its calls go to every provider."""
    book = Book()
    book.request(-2, Try(at="azure"), phase="warmup")
    assert fallbacks(book.run(PLAN)).empty


def _levels(plan: Plan, providers: list[str]) -> int:
    """Return how often a request changes the level, the beginning at another than the first included."""
    place = {name: number for number, level in enumerate(plan.chain.levels) for name in level}
    walk = [0, *(place[name] for name in providers)]
    return sum(one != other for one, other in pairwise(walk))


@settings(max_examples=100)
@given(
    book=books(),
    plan=st.sampled_from(
        [
            PLAN,
            plan_of(peers=[("openai", "azure")]),
            plan_of(peers=[("azure", "anthropic")]),
            plan_of(order=("azure", "openai", "anthropic")),
        ]
    ),
)
def test_there_is_a_row_for_each_change_of_level(book: Book, plan: Plan) -> None:
    """Hedges and skipped providers included; request by request, in plain Python."""
    run = book.run(plan)
    found = fallbacks(run)
    attempts = sorted(book.attempts, key=lambda attempt: (attempt.start_ns, attempt.number))
    for request in book.requests:
        walk = [attempt for attempt in attempts if attempt.request_id == request.request_id]
        mine = found[found["request_id"] == request.request_id]
        assert len(mine) == _levels(plan, [attempt.provider for attempt in walk])
        assert (mine["trigger"] == "skipped").sum() == (bool(walk) and walk[0].provider not in plan.chain.levels[0])
        assert (mine["result"] == "served").sum() <= 1
        assert list(mine["to_attempt"]) == [one.attempt_id for one in walk if one.attempt_id in set(mine["to_attempt"])]
    assert set(found["trigger"]) <= set(TRIGGERS)
    assert set(found["result"]) <= set(RESULTS)
    assert set(found["from_provider"]) | set(found["to_provider"]) <= set(PROVIDERS)
    assert (found["wait_ns"].isna() == found["trigger"].isin(["skipped", "hedge", "answered"])).all()
    assert (found["wait_ns"].dropna() >= -50 * MS).all()
    reached = journeys(run).set_index("request_id")["reached_fallback"]
    assert set(found["request_id"]) == set(reached[reached].index)
    assert measure(run).phases[RUN]["fallbacks"].value == (len(found) if book.attempts else None)
