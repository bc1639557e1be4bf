"""The gateway's own account of its tenants' spend, held against what their attempts cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.chain.keys import GatewayKeys, Tenant
from harness.history import SpendRecord
from harness.judge import RunData
from harness.judge.result import Status
from harness.scenario import Plan
from harness.scenario.mix import MixPart
from tests.judge.histories import Book, Try, fails, look, mixed, ns, plan_of

TENANTS = {"gold": Tenant(), "free": Tenant(budget=1.0)}


def paid(usd: float | None, **fields: object) -> Try:
    """Return an attempt that cost something."""
    return Try(more={"cost_usd": usd}, **fields)  # type: ignore[arg-type]


def plan_for(book: Book, parts: list[int]) -> Plan:
    """Return a plan whose parts are those of two tenants."""
    plan = mixed(plan_of(), book, parts, orders=[("openai", "azure")] * 2)
    mix = tuple(MixPart(share=0.5, headers={"authorization": f"tenant/{name}"}) for name in TENANTS)
    chain = replace(plan.chain, keys=GatewayKeys(database="env/DATABASE_URL", tenants=TENANTS))
    return replace(plan, load=replace(plan.load, mix=mix), chain=chain)


def run_of(*spend: SpendRecord, gold: tuple[Try, ...] = (paid(0.02),)) -> RunData:
    """Return a run in which gold made 0.02 USD worth of attempts, unless it made others, and free 0.01."""
    book = Book()
    book.request(1, *gold)
    book.request(2, paid(0.01))
    return book.run(plan_for(book, [0, 1]), spend=spend)


def record(tenant: str, usd: float | None, error: str | None = None) -> SpendRecord:
    """Return what the gateway says."""
    return SpendRecord(tenant=tenant, at_ns=ns(60), spend_usd=usd, error=error)


@pytest.mark.parametrize(
    ("gold", "status", "text"),
    [
        (0.02, Status.PASS, "is what the attempts cost"),
        (0.0201, Status.PASS, "is what the attempts cost"),
        (0.021, Status.FAIL, "gold: the gateway has $0.021, its attempts cost $0.02"),
        (0.01, Status.FAIL, "50 % apart"),
        (0.0, Status.INCONCLUSIVE, "gold: the gateway had written no spend yet"),
        (None, Status.INCONCLUSIVE, "gold: no answer"),
    ],
)
def test_they_may_differ_by_one_percent(gold: float | None, status: Status, text: str) -> None:
    """Each tenant by itself; a gateway that has written nothing yet is not wrong."""
    run = run_of(record("gold", gold, "no answer"), record("free", 0.01))
    found = look("spend_disagrees", run)

    assert found.status is status
    assert text in found.message


def test_an_attempt_before_a_fallback_counts() -> None:
    """A failure that was not billed costs nothing; one that was costs what it was."""
    tries = (fails(503, fault=None), paid(0.02, at="azure"))
    assert look("spend_disagrees", run_of(record("gold", 0.02), gold=tries)).status is Status.PASS
    tries = (paid(0.01, status=None, outcome="cut"), paid(0.02, at="azure"))
    assert look("spend_disagrees", run_of(record("gold", 0.02), gold=tries)).status is Status.FAIL


def test_without_a_price_nothing_can_be_compared() -> None:
    """And without tenants there is nothing to."""
    assert "no price" in look("spend_disagrees", run_of(record("gold", 0.02), gold=(paid(None),))).message
    assert look("spend_disagrees", run_of()).status is Status.INCONCLUSIVE


def test_a_tenant_whose_budget_may_be_used_up_shows_no_missing_fallback() -> None:
    """The gateway may have refused it for that; one without a budget it may not."""
    for part, shown in ((0, 1), (1, 0)):
        book = Book()
        book.request(1, fails(503, fault=None), outcome="error", status=503)
        book.request(2, outcome="error", status=503)
        run = book.run(plan_for(book, [part, part]))
        assert look("fallback_never_fired", run).count == shown
        assert look("failed_unasked", run).count == shown
