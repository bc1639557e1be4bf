"""Whether the faults of the plan touched anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.history import FaultEvent
from harness.judge.result import Status
from harness.judge.run_data import RunData
from harness.quantities import S
from harness.scenario import Fault, Inject
from tests.judge.histories import OUTAGE, Book, Try, fails, look, ns, plan_of

REFUSED = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(connection="refused"))], endpoint=True)
SLOW = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(connection="slow", delay=S))], endpoint=True)


def test_a_fault_that_touched_nothing() -> None:
    """Says which fault, where, and what it was."""
    plan = plan_of(faults=[OUTAGE])
    seen = look("fault_never_fired", Book().steady().run(plan, fired=0))
    assert (seen.status, seen.count, seen.samples) == (Status.INCONCLUSIVE, 1, 1)
    assert seen.message == "openai was never made to fail: fault-1 (503) fired 0 times"


def test_a_fault_that_fired() -> None:
    """Once is enough."""
    plan = plan_of(faults=[OUTAGE])
    assert look("fault_never_fired", Book().steady().run(plan, fired=1)).status is Status.PASS


def test_each_window_counts_by_itself() -> None:
    """A fault on two providers has a window at each."""
    plan = plan_of(faults=[Fault(on="fallbacks", during="fault", inject=Inject(status=503))])
    events = [
        FaultEvent(fault_id="fault-1", provider=name, kind="status", applied_ns=0, fired=fired)
        for name, fired in (("azure", 3), ("anthropic", 0))
    ]
    seen = look("fault_never_fired", Book().steady().run(plan, faults=events))
    assert (seen.count, seen.samples) == (1, 2)


@pytest.mark.parametrize(("called", "count"), [(False, 0), (True, 1)])
def test_a_peer_that_the_chain_never_chose_tested_as_much_as_it_could(called: bool, count: int) -> None:
    """The same fault fired at the one that was chosen; one that was chosen and not broken still counts."""
    plan = plan_of(faults=[Fault(on="fallbacks", during="fault", inject=Inject(status=503))])
    plan = replace(plan, chain=replace(plan.chain, peers=(("azure", "anthropic"),)))
    events = [
        FaultEvent(fault_id="fault-1", provider=name, kind="status", applied_ns=0, fired=fired)
        for name, fired in (("azure", 3), ("anthropic", 0))
    ]
    book = Book().steady()
    if called:
        book.request(15, Try(at="anthropic"))
    assert look("fault_never_fired", book.run(plan, faults=events)).count == count
    events[1] = FaultEvent(fault_id="fault-1", provider="anthropic", kind="status", error="no answer")
    assert look("fault_never_fired", book.run(plan, faults=events)).count == 1


@pytest.mark.parametrize(
    "event", [{"error": "toxiproxy: no answer"}, {"applied_ns": 5, "fired": 9, "error": "could not be reverted"}]
)
def test_a_fault_that_went_wrong(event: dict[str, Any]) -> None:
    """The reason is in the answer."""
    plan = plan_of(faults=[OUTAGE])
    faults = [FaultEvent(fault_id="fault-1", provider="openai", kind="status", **event)]
    seen = look("fault_never_fired", Book().steady().run(plan, faults=faults))
    assert seen.status is Status.INCONCLUSIVE
    assert event["error"] in seen.message


def test_a_fault_without_a_record() -> None:
    """The runner writes them last, so they are missing where it was killed: nobody can tell whether it was applied."""
    plan = plan_of(faults=[OUTAGE])
    seen = look("fault_never_fired", Book().steady().run(plan, faults=[]))
    assert (seen.status, seen.message) == (
        Status.INCONCLUSIVE,
        "there is no record of what fault-1 (503) did at openai",
    )


def _unseen(*during: tuple[float, str]) -> Status:
    book = Book().steady()
    for at_s, provider in during:
        book.request(at_s, Try(at=provider))
    return look("fault_never_fired", book.run(REFUSED, fired=None, unseen=True)).status


def test_refused_connections_are_seen_by_their_absence() -> None:
    """Connections to the provider stopped while requests went on."""
    assert _unseen((15, "azure"), (45, "openai")) is Status.PASS
    assert _unseen((15, "openai"), (45, "openai")) is Status.INCONCLUSIVE
    assert _unseen((45, "openai")) is Status.INCONCLUSIVE


@pytest.mark.parametrize(
    ("at_s", "status"),
    [(10.19, Status.PASS), (10.25, Status.INCONCLUSIVE), (39.79, Status.INCONCLUSIVE), (39.81, Status.PASS)],
)
def test_a_connection_before_the_fault_was_applied_is_no_proof(at_s: float, status: Status) -> None:
    """It acted from 10.2 to 39.8 s, a little off the plan; 50 ms are the stamps' own."""
    book = Book().steady()
    book.request(15, Try(at="azure"))
    book.request(at_s, Try(at="openai"))
    (window,) = REFUSED.timeline.windows
    event = FaultEvent(
        fault_id=window.fault_id, provider="openai", kind="refused", applied_ns=ns(10.2), reverted_ns=ns(39.8)
    )
    history = book.history(REFUSED, faults=[event], unseen=True)
    assert look("fault_never_fired", RunData.of(REFUSED, history)).status is status


def test_a_refused_attempt_on_record_is_proof() -> None:
    """A chain-side recorder saw it."""
    book = Book().steady()
    book.request(15, fails(None, outcome="refused"), Try(at="azure"))
    assert look("fault_never_fired", book.run(REFUSED, fired=None)).status is Status.PASS


@pytest.mark.parametrize(("at", "status"), [("openai", Status.PASS), ("azure", Status.INCONCLUSIVE)])
def test_a_slow_provider_touches_whoever_calls_it(at: str, status: Status) -> None:
    """Whether anybody called it meanwhile is all there is to know."""
    book = Book().steady()
    book.request(15, Try(at=at))
    assert look("fault_never_fired", book.run(SLOW, fired=None)).status is status
