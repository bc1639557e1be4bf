"""Checks of which provider is tried, and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from harness.judge.result import Status
from harness.quantities import S
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import OUTAGE, Book, Try, fails, knowing, look, ns, plan_of

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


WEEKS = {"baseline": 10.0, "fault": 30.0, "recovery": 400.0}
LONG = plan_of(faults=[OUTAGE], phases=WEEKS)


@pytest.mark.parametrize(("later_s", "shown"), [(119.9, False), (120.2, True)])
def test_a_provider_may_be_left_alone_as_long_as_it_asked(later_s: float, shown: bool) -> None:
    """LiteLLM rests a deployment for its Retry-After; a later failure without one does not shorten that."""
    book = Book()
    book.request(12, fails(429, told_s=120), Try(at="azure"))
    book.request(13, fails(503), Try(at="azure"))
    book.request(12 + later_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(LONG)).count == int(shown)


@pytest.mark.parametrize(("later_s", "shown"), [(299.9, False), (300.2, True)])
def test_a_provider_may_be_left_alone_for_the_declared_cooldown(later_s: float, shown: bool) -> None:
    """Five minutes, by the chain's own configuration: after a failure, and after a connection fault nobody saw."""
    plan = knowing(LONG, cooldown_ns={"openai": ns(300)})
    book = Book()
    book.request(12, fails(503), Try(at="azure"))
    book.request(12 + later_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(plan)).count == int(shown)
    reset = plan_of(faults=[Fault(on="openai", at=0, for_=ns(12), inject=Inject(connection="reset"))], phases=WEEKS)
    book = Book()
    book.request(12 + later_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(knowing(reset, cooldown_ns={"openai": ns(300)}))).count == int(shown)


def test_a_limit_of_the_chains_own_is_cause_enough() -> None:
    """A provider that may have all the requests per minute that it takes is skipped in order; one without a limit is not."""
    book = Book()
    book.request(1, Try(at="azure"))
    assert look("wrong_order", book.run(knowing(PLAN, limited=("openai",)))).status is Status.PASS
    assert look("wrong_order", book.run(knowing(PLAN, limited=("azure",)))).count == 1


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


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 529, 408, None])
def test_a_failure_with_a_provider_left(status: int | None) -> None:
    """Whatever a fallback could have made good."""
    assert _failed(status) is Status.FAIL


@pytest.mark.parametrize("status", [400, 413, 422])
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


def _return(
    at: str, *, at_s: float = 50.1, plan: Plan = PLAN, requests: int = 10, before: Sequence[Try] = ()
) -> Status:
    """Return what is found of requests that come from some time on, and of one at 20 s before them."""
    book = Book()
    book.request(20, *before, Try(at="azure"))
    for place in range(requests):
        book.request(at_s + 0.1 * place, Try(at=at), phase="recovery")
    return look("stuck_on_fallback", book.run(plan)).status


@pytest.mark.parametrize(
    ("at_s", "at", "status"),
    [
        (50.1, "azure", Status.FAIL),
        (50.1, "openai", Status.PASS),
        (49.0, "azure", Status.INCONCLUSIVE),
    ],
)
def test_never_back_at_the_first_provider(at_s: float, at: str, status: Status) -> None:
    """From 10 s after the fault somebody must try the first provider, if anybody comes."""
    assert _return(at, at_s=at_s) is status


@pytest.mark.parametrize(("requests", "status"), [(9, Status.INCONCLUSIVE), (10, Status.FAIL)])
def test_too_few_requests_to_see_a_return(requests: int, status: Status) -> None:
    """Ten could have tried it."""
    assert _return("azure", requests=requests) is status


def test_a_first_provider_that_has_served_since_is_back() -> None:
    """At 44 s; the requests after 50 s happened to use the fallback."""
    book = Book()
    book.request(44, Try())
    for place in range(10):
        book.request(50.1 + place, Try(at="azure"))
    assert look("stuck_on_fallback", book.run(PLAN)).status is Status.PASS


def test_an_answer_begun_before_the_faults_end_is_no_return() -> None:
    """Nor is an attempt since then that failed."""
    book = Book()
    book.request(39, Try(took_s=3))
    book.request(44, fails(503, fault=None), Try(at="azure"))
    for place in range(10):
        book.request(50.1 + place, Try(at="azure"))
    assert look("stuck_on_fallback", book.run(PLAN)).status is Status.FAIL


@pytest.mark.parametrize(("recovery_s", "status"), [(11.9, Status.INCONCLUSIVE), (12.0, Status.FAIL)])
def test_too_short_a_recovery(recovery_s: float, status: Status) -> None:
    """Under 12 s after the fault it cannot be decided."""
    plan = plan_of(faults=[OUTAGE], phases={"baseline": 10, "fault": 30, "recovery": recovery_s})
    assert _return("azure", plan=plan) is status


@pytest.mark.parametrize(("at_s", "status"), [(139, Status.INCONCLUSIVE), (140.1, Status.FAIL)])
def test_the_first_provider_may_be_left_alone_as_long_as_it_asked(at_s: float, status: Status) -> None:
    """Its last Retry-After of 120 s came at 20 s: until 140 s nobody need try it."""
    assert _return("azure", at_s=at_s, plan=LONG, before=[fails(429, told_s=120)]) is status


@pytest.mark.parametrize(("at_s", "status"), [(339, Status.INCONCLUSIVE), (340.1, Status.FAIL)])
def test_the_first_provider_may_be_left_alone_for_the_declared_cooldown(at_s: float, status: Status) -> None:
    """300 s from the end of its fault, or from a later failure there."""
    plan = knowing(LONG, cooldown_ns={"openai": ns(300)})
    assert _return("azure", at_s=at_s, plan=plan, before=[fails(503)]) is status
    assert _return("azure", at_s=at_s + 5, plan=plan, before=[fails(503, took_s=25)]) is status


def test_a_fault_elsewhere_does_not_keep_anyone_from_the_first() -> None:
    """Without a fault at the first provider there is nothing to return from."""
    plan = plan_of(faults=[Fault(on="azure", during="fault", inject=Inject(status=503))])
    assert look("stuck_on_fallback", Book().steady().run(plan)).samples == 0


def _late(*tries: Try, plan: Plan = PLAN, **fields: Any) -> int:
    book = Book()
    book.request(12, *tries, **fields)
    seen = look("late_fallback", book.run(plan))
    assert seen.samples == 1
    return seen.count


@pytest.mark.parametrize(("after_s", "shown"), [(1.049, 0), (1.051, 1)])
def test_a_wait_that_buys_nothing(after_s: float, shown: int) -> None:
    """Over 1 s between the last failure at one provider and the next provider."""
    assert _late(fails(503), fails(503, after_s=3), Try(at="azure", after_s=after_s)) == shown


@pytest.mark.parametrize(("after_s", "shown"), [(1.04, 0), (1.05, 1)])
def test_a_wait_before_the_first_attempt(after_s: float, shown: int) -> None:
    """The request went out 4 ms before its first attempt could have begun, and nothing had failed."""
    assert _late(Try(at="azure", after_s=after_s)) == shown


@pytest.mark.parametrize(
    "kind", [{"connection": "slow", "delay": 2 * S}, {"connection": "throttle", "bytes_per_second": 1000}]
)
def test_a_slow_network_is_no_wait_of_the_chains(kind: dict[str, Any]) -> None:
    """The chain gets what was sent in time later than the edge's stamp."""
    slow = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(**kind))])
    assert _late(fails(503), Try(at="azure", after_s=2), plan=slow) == 0
    assert _late(fails(503), fails(503, at="azure"), Try(at="anthropic", after_s=2), plan=slow) == 1


@pytest.mark.parametrize(("after_s", "shown"), [(10.04, 0), (10.06, 1), (90, 1)])
def test_a_long_wait_for_a_retry(after_s: float, shown: int) -> None:
    """While an idle fallback was healthy, whatever the provider had asked for."""
    assert _late(fails(429, told_s=90), Try(after_s=after_s)) == shown


def test_a_caller_who_left_has_waited_as_well() -> None:
    """The retry never came; one who left after 10 s in an attempt has not waited for a retry."""
    left: dict[str, Any] = {"outcome": "deadline", "end_ns": ns(32)}
    assert _late(fails(429, told_s=90), **left) == 1
    assert _late(fails(429, told_s=90), Try(after_s=25), **left) == 1
    assert _late(fails(None, took_s=19.9), **left) == 0


@pytest.mark.parametrize(
    ("tries", "order"),
    [
        ([fails(429), fails(503, at="azure"), fails(503, at="anthropic"), Try(at="anthropic", after_s=20)], None),
        ([fails(429), fails(503, at="azure"), fails(503, at="anthropic"), Try(after_s=0.5)], None),
        ([fails(429), Try(after_s=20)], ["openai"]),
    ],
)
def test_a_long_wait_with_nobody_left_to_try(tries: list[Try], order: list[str] | None) -> None:
    """Every later provider had been tried in this request, or there is none."""
    assert _late(*tries, plan=plan_of(faults=[OUTAGE], order=order) if order else PLAN) == 0


def test_a_long_wait_while_the_others_were_down() -> None:
    """A fault at the fallback, or failures of other requests there, explain the wait; a fault that was over does not."""
    down = [Fault(on=name, at=20 * S, for_=S, inject=Inject(status=503)) for name in ("azure", "anthropic")]
    assert _late(fails(429), Try(after_s=15), plan=plan_of(faults=[OUTAGE, *down])) == 0
    assert _late(fails(429), Try(after_s=15), plan=plan_of(faults=[OUTAGE, down[0]])) == 1
    assert _late(fails(429, took_s=10), Try(after_s=15), plan=plan_of(faults=[OUTAGE, *down])) == 1
    book = Book()
    book.request(12, fails(429), Try(after_s=15))
    book.request(13, fails(503, at="azure", fault=None), fails(503, at="anthropic", fault=None), status=503)
    assert look("late_fallback", book.run(PLAN)).count == 0


def test_a_peer_is_no_later_provider_to_wait_for() -> None:
    """A retry at a peer of the only other one buys as much."""
    plan = plan_of(order=["openai", "azure"], peers=[("openai", "azure")], faults=[OUTAGE])
    assert _late(fails(429), Try(after_s=20), plan=plan) == 0


@pytest.mark.parametrize(("at_s", "shown"), [(45, False), (99.9, False), (100.2, True)])
def test_a_connection_fault_is_remembered_for_a_minute(at_s: float, shown: bool) -> None:
    """A breaker that it opened may still be open."""
    reset = Fault(on="openai", during="fault", inject=Inject(connection="reset"))
    plan = plan_of(faults=[reset], phases={"baseline": 10, "fault": 30, "recovery": 70})
    book = Book()
    book.request(at_s, Try(at="azure"), phase="recovery")
    assert look("wrong_order", book.run(plan)).count == int(shown)


@pytest.mark.parametrize(("declared", "advisory"), [(("rate_limit",), True), (("server_error",), False)])
def test_a_failure_that_the_chain_declares_to_be_final(declared: tuple[Any, ...], advisory: bool) -> None:
    """It is only reported; one that `fallback.on` names fails the run."""
    book = Book()
    book.request(12, fails(503))
    found = look("fallback_never_fired", book.run(knowing(PLAN, falls_back_on=declared)))
    assert (found.status, found.advisory, found.count) == (Status.FAIL, advisory, 1)
    book.request(13, fails(429))
    assert look("fallback_never_fired", book.run(knowing(PLAN, falls_back_on=declared))).advisory is False


@pytest.mark.parametrize(("most", "advisory"), [(2, True), (3, False)])
def test_a_declared_limit_of_attempts(most: int, advisory: bool) -> None:
    """A request that has made so many attempts has no fallback left."""
    book = Book()
    book.request(12, fails(503), fails(503))
    assert look("fallback_never_fired", book.run(knowing(PLAN, attempts_at_most=most))).advisory is advisory


@pytest.mark.parametrize(("status", "shown"), [(400, False), (503, True)])
def test_a_lane_for_refused_content_is_no_wrong_order(status: int, shown: bool) -> None:
    """The provider for such requests comes before its turn, after a refusal alone."""
    book = Book()
    book.request(12, fails(status), Try(at="anthropic"))
    assert look("wrong_order", book.run(knowing(PLAN, lanes=("anthropic",)))).count == int(shown)
