"""Requests that fail although no provider was asked."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.result import Status
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, knowing, look, ns, plan_of

PLAN = plan_of(faults=[OUTAGE])
SAID = "429: No deployments available for selected model, try again in 60 seconds."


def _unasked(*tries: Try, **fields: Any) -> Book:
    book = Book()
    book.request(45, *tries, **({"outcome": "error", "status": 429, "error": SAID} | fields))
    return book


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, 1),
        ({"status": 503}, 1),
        ({"status": None}, 1),
        ({"outcome": "deadline", "end_ns": ns(105)}, 1),
        ({"status": 400}, 0),
        ({"outcome": "ok", "status": 200}, 0),
        ({"outcome": "dropped", "start_ns": None, "end_ns": None}, 0),
    ],
)
def test_a_failure_without_any_attempt(fields: dict[str, Any], shown: int) -> None:
    """A 429, a 5xx or no answer at all; a bad request need not be passed on."""
    assert look("failed_unasked", _unasked(**fields).run(PLAN)).count == shown


def test_the_chains_own_words_are_kept() -> None:
    """Those of most of the failures."""
    book = _unasked()
    for error in (SAID, "other"):
        book.request(46, outcome="error", status=429, error=error)
    assert look("failed_unasked", book.run(PLAN)).message.endswith(f"the first req-000001; its message: {SAID}")


def test_whoever_was_asked_is_not_this() -> None:
    """An attempt was made, and failed."""
    assert look("failed_unasked", _unasked(fails(429, fault=None)).run(PLAN)).status is Status.PASS


def test_nobody_was_healthy() -> None:
    """From the request's start to its end; one provider that was is enough."""
    down = [Fault(on=name, during="recovery", inject=Inject(status=503)) for name in ("openai", "azure", "anthropic")]
    assert look("failed_unasked", _unasked().run(plan_of(faults=down))).count == 0
    assert look("failed_unasked", _unasked().run(plan_of(faults=down[:2]))).count == 1


def test_a_limit_of_the_chains_own_is_no_mistake() -> None:
    """Where it may skip every provider; where one has none, that one could have been asked."""
    everybody = knowing(PLAN, limited=("openai", "azure", "anthropic"))
    assert look("failed_unasked", _unasked().run(everybody)).status is Status.INCONCLUSIVE
    assert look("failed_unasked", _unasked().run(knowing(PLAN, limited=("openai",)))).count == 1
