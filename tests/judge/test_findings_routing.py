"""Checks of which provider is tried, and when."""

from __future__ import annotations

from typing import Any

import pytest

from harness.judge.result import Status
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, look, ns, plan_of

PLAN = plan_of(faults=[OUTAGE])


def test_a_fallback_without_cause() -> None:
    """Azure first, although nothing is known against OpenAI."""
    book = Book()
    shown = book.request(1, Try(at="azure"))
    seen = look("wrong_order", book.run(PLAN))
    assert (seen.status, seen.requests) == (Status.FAIL, (shown,))


def test_skipping_one_of_three() -> None:
    """Claude after OpenAI, and Azure never asked."""
    book = Book()
    book.request(12, fails(503), Try(at="anthropic"))
    assert look("wrong_order", book.run(PLAN)).count == 1


def test_in_order() -> None:
    """Each one after all that come before it."""
    book = Book()
    book.request(12, fails(503), fails(503, at="azure"), Try(at="anthropic"))
    book.request(13, Try())
    seen = look("wrong_order", book.run(PLAN))
    assert (seen.status, seen.samples) == (Status.PASS, 1)


@pytest.mark.parametrize(("later_s", "shown"), [(59.9, False), (60.2, True)])
def test_an_open_breaker_is_in_order(later_s: float, shown: bool) -> None:
    """Another request's failure excuses skipping for a minute."""
    plan = plan_of(faults=[OUTAGE], phases={"baseline": 10, "fault": 30, "recovery": 60})
    book = Book()
    book.request(12, fails(503), Try(at="azure"))
    book.request(12 + later_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(plan)).count == int(shown)


@pytest.mark.parametrize(("kind", "shown"), [({"connection": "reset"}, False), ({"status": 503}, True)])
def test_a_connection_fault_is_cause_enough(kind: dict[str, Any], shown: bool) -> None:
    """A refused connection may have been seen by the chain alone."""
    plan = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(**kind))])
    book = Book()
    book.request(20, Try(at="azure"))
    assert look("wrong_order", book.run(plan)).count == int(shown)


def _failed(status: int | None = 503, **fields: Any) -> Status:
    book = Book()
    book.request(12, fails(status), **fields)
    return look("fallback_never_fired", book.run(PLAN)).status


@pytest.mark.parametrize("status", [429, 500, 503, 529, 408, None])
def test_a_failure_with_a_provider_left(status: int | None) -> None:
    """Whatever a fallback could have made good."""
    assert _failed(status) is Status.FAIL


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_request_that_no_provider_can_answer(status: int) -> None:
    """After these a fallback is not expected."""
    assert _failed(status) is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    "fields",
    [
        {"first_token_ns": ns(12.1)},
        {"outcome": "deadline", "end_ns": ns(72)},
        {"end_ns": ns(71.96)},
        {"outcome": "truncated"},
    ],
)
def test_no_fallback_was_due(fields: dict[str, Any]) -> None:
    """After the first token, or with no time left."""
    assert _failed(503, **fields) is Status.PASS


def test_an_error_event_before_the_first_token_is_a_failure() -> None:
    """The caller of the stream has nothing yet; one that had a token, or half a plain answer, has something."""
    half: dict[str, Any] = {"outcome": "truncated"}
    assert _failed(503, **half, streaming=True) is Status.FAIL
    assert _failed(503, **half, streaming=True, first_token_ns=ns(12.1)) is Status.PASS
    assert _failed(503, **half, streaming=False) is Status.PASS


def test_all_providers_were_tried() -> None:
    """A request may fail when everybody does."""
    book = Book()
    book.request(12, fails(503), fails(503, at="azure"), fails(503, at="anthropic"))
    assert look("fallback_never_fired", book.run(PLAN)).status is Status.PASS


def test_a_chain_of_one_has_no_fallback() -> None:
    """Nobody is left to try."""
    plan = plan_of(faults=[OUTAGE], order=["openai"])
    book = Book()
    book.request(12, fails(503))
    assert look("fallback_never_fired", book.run(plan)).samples == 0


@pytest.mark.parametrize(
    ("at_s", "at", "status"),
    [
        (50.1, "azure", Status.FAIL),
        (50.1, "openai", Status.PASS),
        (49.9, "azure", Status.INCONCLUSIVE),
    ],
)
def test_never_back_at_the_first_provider(at_s: float, at: str, status: Status) -> None:
    """From 10 s after the fault somebody must try the first provider, if anybody comes."""
    book = Book()
    book.request(41, Try())
    book.request(at_s, Try(at=at))
    assert look("stuck_on_fallback", book.run(PLAN)).status is status


@pytest.mark.parametrize(("recovery_s", "status"), [(11.9, Status.INCONCLUSIVE), (12.0, Status.FAIL)])
def test_too_short_a_recovery(recovery_s: float, status: Status) -> None:
    """Under 12 s after the fault nothing can be said."""
    plan = plan_of(faults=[OUTAGE], phases={"baseline": 10, "fault": 30, "recovery": recovery_s})
    book = Book()
    book.request(51, Try(at="azure"), phase="recovery")
    assert look("stuck_on_fallback", book.run(plan)).status is status


def test_a_fault_elsewhere_does_not_keep_anyone_from_the_first() -> None:
    """Without a fault at the first provider there is nothing to return from."""
    plan = plan_of(faults=[Fault(on="azure", during="fault", inject=Inject(status=503))])
    assert look("stuck_on_fallback", Book().steady().run(plan)).samples == 0


@pytest.mark.parametrize(("after_s", "shown"), [(1.049, False), (1.051, True)])
def test_a_wait_that_buys_nothing(after_s: float, shown: bool) -> None:
    """Over 1 s between the last failure at one provider and the next provider."""
    book = Book()
    book.request(12, fails(503), fails(503, after_s=3), Try(at="azure", after_s=after_s))
    seen = look("late_fallback", book.run(PLAN))
    assert (seen.count, seen.samples) == (int(shown), 1)


@pytest.mark.parametrize(("at_s", "shown"), [(45, False), (99.9, False), (100.2, True)])
def test_a_connection_fault_is_remembered_for_a_minute(at_s: float, shown: bool) -> None:
    """A breaker that it opened may still be open."""
    reset = Fault(on="openai", during="fault", inject=Inject(connection="reset"))
    plan = plan_of(faults=[reset], phases={"baseline": 10, "fault": 30, "recovery": 70})
    book = Book()
    book.request(at_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(plan)).count == int(shown)
