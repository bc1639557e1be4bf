"""The finding `history_rejected`."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.findings import CheckResult
from harness.judge.result import Status
from harness.provider.kinds import Kind
from tests.judge.histories import OUTAGE, Book, Try, fails, look, mixed, plan_of

PLAN = plan_of(faults=[OUTAGE])


def refuses(at: str, code: str = "invalid_request_error", **fields: Any) -> Try:
    """Return an attempt that a provider refused by a rule of its own."""
    return Try(at=at, status=400, more={"error_code": code}, **fields)


def of_two_turns(*second: Try, first: Try | None = None, kind: Kind = "conversation") -> CheckResult:
    """Return what is found in two turns, of which another provider than the first served the second, or failed."""
    book = Book()
    book.request(11, first or Try(at="openai"), kind=kind)
    book.request(13, *second, kind=kind)
    plan = mixed(
        PLAN, book, [0, 0], kinds=(kind,), after={"req-000002": "req-000001"} if kind == "conversation" else {}
    )
    return look("history_rejected", book.run(plan))


def test_a_fallback_that_refuses_the_history() -> None:
    """OpenAI served the first turn, and is down; Anthropic does not take what OpenAI said."""
    found = of_two_turns(fails(503, at="openai"), refuses("anthropic"))
    assert (found.status, found.requests, found.samples) == (Status.FAIL, ("req-000002",), 1)


def test_the_way_back_counts_too() -> None:
    """The first turn was a fallback's; the first provider does not take its history."""
    found = of_two_turns(refuses("openai"), first=Try(at="anthropic"))
    assert found.requests == ("req-000002",)


def test_a_third_provider_that_made_it_good_hides_nothing() -> None:
    """The fallback failed all the same."""
    found = of_two_turns(fails(503, at="openai"), refuses("anthropic"), Try(at="azure"))
    assert found.requests == ("req-000002",)


def test_tools_that_a_fallback_refuses() -> None:
    """A single request with tools has no turn before: its first provider is the measure."""
    found = of_two_turns(fails(503, at="openai"), refuses("anthropic"), kind="tools")
    assert found.requests == ("req-000002",)


@pytest.mark.parametrize(
    "second",
    [
        (fails(503, at="openai"), Try(at="anthropic")),
        (fails(503, at="openai"), fails(400, at="anthropic", more={"error_code": "invalid_request_error"})),
        (fails(503, at="openai"), refuses("anthropic", "context_length_exceeded")),
        (fails(503, at="openai"), refuses("anthropic", "content_filter")),
        (fails(503, at="openai"), Try(at="anthropic", status=404)),
        (refuses("openai"), refuses("anthropic")),
        (fails(503, at="openai"), Try(at="anthropic", status=400, more={"error_code": "x", "forwarded": True})),
    ],
)
def test_what_is_not_the_chains_doing(second: tuple[Try, ...]) -> None:
    """A fallback that serves; a fault's 400; too long, or unsafe; another status; refused everywhere; a real provider."""
    found = of_two_turns(*second)
    assert (found.status, found.samples) == (Status.PASS, 1)


@pytest.mark.parametrize(
    ("kind", "second"),
    [
        ("conversation", (Try(at="openai"),)),
        ("conversation", (refuses("openai"),)),
        ("chat", (fails(), refuses("azure"))),
    ],
)
def test_nothing_to_see_without_a_fallback_with_tools(kind: Kind, second: tuple[Try, ...]) -> None:
    """Turns that stay at their provider, and chats, show nothing."""
    assert of_two_turns(*second, kind=kind).status is Status.INCONCLUSIVE
