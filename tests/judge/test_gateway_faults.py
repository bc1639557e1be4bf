"""While the gateway is under a fault, no finding blames the chain for what the harness did."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.history import FaultEvent
from harness.judge import RunData, judge
from harness.judge.result import Status
from harness.provider.inject import Inject
from harness.scenario import Plan, Timeline
from tests.judge.histories import Book, Try, fails, look, ns, plan_of
from tests.plans import window


def plan_with(kind: str, leg: str = "gateway") -> Plan:
    """Return a plan with a fault on a leg from 10 s to 40 s."""
    forms = {"kill": Inject(process="kill"), "restart": Inject(process="restart")}
    inject = forms.get(kind) or Inject(connection=kind, delay=ns(1) if kind == "slow" else None)
    one = replace(window(inject, leg, start_ns=ns(10), end_ns=ns(40)), leg=leg)
    return replace(plan_of(deadline_s=8), timeline=Timeline(windows=(one,)))


def run_of(book: Book, plan: Plan, *, over_s: float = 40.0, fired: int | None = 1) -> RunData:
    """Return a run whose fault was over at some time."""
    (one,) = plan.timeline.windows
    event = FaultEvent(
        fault_id=one.fault_id,
        provider=one.provider,
        leg=one.leg,
        kind=one.inject.kind,
        applied_ns=one.start_ns,
        reverted_ns=ns(over_s),
        fired=fired,
    )
    return book.run(plan, faults=[event])


@pytest.mark.parametrize(("at_s", "shown"), [(20, 0), (44, 0), (46, 1)])
@pytest.mark.parametrize("leg", ["gateway", "database"])
def test_failing_unasked_is_no_finding_until_the_gateway_is_ready(leg: str, at_s: float, shown: int) -> None:
    """A gateway that starts refuses connections beyond its window."""
    book = Book()
    book.request(at_s, outcome="error", status=None)

    plan = plan_with("kill" if leg == "gateway" else "refused", leg)
    assert look("failed_unasked", run_of(book, plan, over_s=45)).count == shown


@pytest.mark.parametrize(("at_s", "shown"), [(20, 0), (46, 1)])
def test_a_gateway_that_is_killed_cannot_fall_back(at_s: float, shown: int) -> None:
    """Its first attempt had failed when it was."""
    book = Book()
    book.request(at_s, fails(503, fault=None), outcome="error", status=None)

    assert look("fallback_never_fired", run_of(book, plan_with("kill"))).count == shown


@pytest.mark.parametrize(("leg", "shown"), [("gateway", 0), ("database", 1)])
def test_a_wait_for_the_database_is_a_hang_and_one_for_our_proxy_is_none(leg: str, shown: int) -> None:
    """The gateway may give up on its database; what a proxy in front of it holds back is none of its doing."""
    book = Book()
    book.request(20, outcome="deadline", end_ns=ns(28))

    assert look("hang", run_of(book, plan_with("slow", leg))).count == shown


def test_a_fault_that_nobody_met_leaves_the_run_undecided() -> None:
    """And one whose effect does not show says so."""
    for fired, text in ((0, "fired 0 times"), (None, "not observable")):
        book = Book().steady()
        found = look("fault_never_fired", run_of(book, plan_with("refused", "database"), fired=fired))
        assert found.status is Status.INCONCLUSIVE
        assert text in found.message


def recovery_s(kind: str, *at_s: float) -> float:
    """Return the measured recovery in seconds after a fault from 10 s to 40 s, with a good answer to each of these requests."""
    book = Book()
    book.request(41, outcome="error", status=None)
    for each in at_s:
        book.request(each, Try())
    plan = replace(plan_with(kind), expectations=plan_of("gateway_recovery < 100s").expectations)
    (row,) = judge(run_of(book, plan)).expectations
    assert row.observed is not None
    return row.observed / 1e9


def test_recovery_counts_from_when_the_gateway_could_be_back() -> None:
    """From the end of a kill, which lasts as planned; from the beginning of a restart."""
    assert recovery_s("kill", 20, 45) == pytest.approx(5, abs=0.1)
    assert recovery_s("restart", 15, 45) == pytest.approx(5, abs=0.1)
    assert recovery_s("kill", 20) == math.inf
