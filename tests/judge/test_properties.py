"""The properties of the search, and that they say what the findings say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.chain.facts import Tries
from harness.judge.properties import PROPERTIES, broken
from harness.judge.properties.bounded_latency import default_deadline_ns
from harness.quantities import S
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import Book, Try, assert_agreement, fails, plan_of, search_run
from tests.judge.strategies import books, plans, spoil

DOWN = Fault(on="openai", at=0, for_=10 * S, inject=Inject(status=503))


@settings(max_examples=150)
@given(plans(), books(), st.data())
def test_properties_agree_with_the_findings(plan: Plan, book: Book, data: st.DataObject) -> None:
    """Where the judge looks for the same, it names the same requests, on any history."""
    spoil(data.draw, book)
    run = book.run(plan)
    for declared in PROPERTIES.own.values():
        if declared.findings:
            assert_agreement(declared, run)


def test_a_healthy_provider_must_be_used() -> None:
    """A request that fails while one provider was untouched by any fault breaks it; not where all were faulty."""
    plan = plan_of(faults=[DOWN, replace(DOWN, on="azure")])
    book = Book()
    book.request(1, fails(), fails(at="azure"), status=503)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan))) == ("req-000001",)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan), providers=("openai", "azure"))) == ()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_no_provider_could_answer_is_excused(status: int) -> None:
    """A request that is wrong everywhere may fail."""
    plan = plan_of(faults=[DOWN])
    book = Book()
    book.request(1, fails(status), status=status)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan))) == ()


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_what_another_provider_could_answer_is_not(status: int) -> None:
    """A wrong key at one provider is no reason to fail."""
    plan = plan_of(faults=[DOWN])
    book = Book()
    book.request(1, fails(status), status=status)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan))) == ("req-000001",)


def test_nobody_is_asked_to_start_anew_after_a_first_token() -> None:
    """A stream that broke off after its first token may fail."""
    plan = plan_of(faults=[DOWN])
    book = Book()
    book.request(1, fails(200, outcome="cut"), outcome="truncated", complete=False, streaming=True, first_token_ns=S)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan))) == ()


def test_healthy_is_from_start_to_end() -> None:
    """A fault that begins while the request is still under way makes a provider unhealthy for it; a later one does not."""
    late = replace(DOWN, on="anthropic", at=5 * S)
    plan = plan_of(faults=[DOWN, replace(DOWN, on="azure"), late])
    book = Book()
    book.request(1, fails(took_s=4.5), status=503)
    book.request(1, fails(took_s=3.5), status=503)
    assert PROPERTIES["survives_if_any_healthy"].check(search_run(book.run(plan))) == ("req-000002",)


@pytest.mark.parametrize(("attempts", "limit"), [(None, 9), (1, 3), (2, 6)])
def test_attempts_are_bounded(attempts: int | None, limit: int) -> None:
    """Providers times attempts at each, three where the chain does not say; one more breaks it."""
    plan = plan_of(attempts=attempts)
    book = Book()
    book.request(1, *[fails()] * limit)
    book.request(2, *[fails()] * (limit + 1))
    assert PROPERTIES["bounded_attempts"].check(search_run(book.run(plan))) == ("req-000002",)


def test_what_is_declared_for_one_provider_bounds_attempts_too() -> None:
    """A chain that keeps to its own policy breaks nothing; where nobody declares a limit, three tries count."""
    plan = plan_of(attempts=2)
    patient = replace(plan, facts=replace(plan.facts, tries={**plan.facts.tries, "azure": Tries(most=7)}))
    book = Book()
    book.request(1, *[fails()] * 11)
    book.request(2, *[fails()] * 12)
    assert PROPERTIES["bounded_attempts"].check(search_run(book.run(patient))) == ("req-000002",)
    unknown = replace(plan, facts=replace(plan.facts, tries={**plan.facts.tries, "azure": Tries()}))
    few = Book()
    few.request(1, *[fails()] * 7)
    few.request(2, *[fails()] * 8)
    assert PROPERTIES["bounded_attempts"].check(search_run(few.run(unknown))) == ("req-000002",)


def test_latency_is_bounded() -> None:
    """From the intended start to the end, however it ended; exactly the deadline is in time."""
    plan = plan_of()
    book = Book()
    book.request(1, Try(), end_ns=31 * S)
    book.request(1, Try(), end_ns=31 * S + 1)
    book.request(1, Try(), end_ns=None)
    assert PROPERTIES["bounded_latency"].check(search_run(book.run(plan))) == ("req-000002", "req-000003")


def test_the_deadline_is_the_timeout_for_each_provider() -> None:
    """The chain's own, else a minute."""
    chain = plan_of().chain
    assert default_deadline_ns(replace(chain, timeout=20 * S), 3) == 60 * S
    assert default_deadline_ns(chain, 2) == 120 * S


def test_a_good_run_breaks_nothing() -> None:
    """Retries that wait as long as Retry-After asks, a fallback in order, and a return."""
    plan = plan_of(faults=[DOWN])
    book = Book()
    book.request(1, fails(429, told_s=1.0), fails(after_s=1.1), Try(at="azure"))
    book.request(40, Try())
    assert broken(search_run(book.run(plan))) == {}


def test_a_property_needs_something_that_a_scenario_can_expect() -> None:
    """Findings, or a limit of its own: not neither, nor both."""
    whole = PROPERTIES["bounded_latency"]
    with pytest.raises(ValueError, match="needs findings or a limit"):
        replace(whole, limit=None)
    with pytest.raises(ValueError, match="not both"):
        replace(whole, findings=("hang",))
