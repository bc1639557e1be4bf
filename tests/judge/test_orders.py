"""A mix whose parts ask for several models: each request is judged by the order that is its own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.judge import RUN, RunData, Status, fallbacks, journeys, judge, measure
from harness.judge.findings import FINDINGS
from harness.judge.properties import PROPERTIES
from harness.scenario import Fault, Inject, Plan
from tests.judge.histories import OUTAGE, Book, Try, assert_agreement, fails, knowing, look, mixed, ns, plan_of
from tests.judge.strategies import PROVIDERS, books, plans, spoil

FORTH, BACK = ("openai", "azure", "anthropic"), ("anthropic", "azure")
ORDERS = (FORTH, BACK)
BY_REQUEST = tuple(kind.id for kind in FINDINGS.own.values() if kind.shown_by == "request")


@settings(max_examples=60)
@given(
    plan=plans(),
    book=books(),
    orders=st.lists(st.permutations(PROVIDERS).map(tuple), min_size=2, max_size=3),
    limited=st.sampled_from([(), ("openai",)]),
    data=st.data(),
)
def test_each_request_is_judged_as_if_all_had_its_order(
    plan: Plan, book: Book, orders: list[tuple[str, ...]], limited: tuple[str, ...], data: st.DataObject
) -> None:
    """Journeys, fallbacks and findings of a part's requests are those of a run in which all requests have its order."""
    spoil(data.draw, book)
    orders = [order[: data.draw(st.integers(1, 3))] for order in orders]
    parts = [data.draw(st.integers(0, len(orders) - 1)) for _ in book.requests]
    plan = knowing(plan, limited=limited, never_called=data.draw(st.sampled_from([(), ("azure",)])))
    run = book.run(mixed(plan, book, parts, orders=orders))
    ids = [each.request_id for each in book.requests]
    for part, order in enumerate(orders):
        own = {each for each, its in zip(ids, parts, strict=True) if its == part}
        alone = book.run(mixed(plan, book, [0] * len(ids), orders=[order]))
        for table in (journeys, fallbacks):
            shown, expected = (each[each["request_id"].isin(own)] for each in (table(run), table(alone)))
            assert shown.reset_index(drop=True).equals(expected.reset_index(drop=True))
        for finding in BY_REQUEST:
            shown, expected = (set(FINDINGS[finding].check(each).requests) & own for each in (run, alone))
            if not set(order) <= set(limited):
                assert shown == expected, finding
    for declared in ("order_respected", "no_truncated_success"):
        assert_agreement(PROPERTIES.own[declared], run)


def test_the_first_provider_is_that_of_the_request() -> None:
    """What one part calls a fallback is the first provider of the other."""
    book = Book()
    book.request(12, Try(at="anthropic"))
    book.request(13, Try(at="anthropic"))
    book.request(14, fails(at="openai"), Try(at="anthropic", after_s=1))
    book.request(15, fails(at="anthropic"), Try(at="azure", after_s=2))
    run = book.run(mixed(plan_of(faults=[OUTAGE]), book, [0, 1, 0, 1], orders=ORDERS))
    table = journeys(run)
    assert table["primary_skipped"].tolist() == [True, False, False, False]
    assert table["reached_fallback"].tolist() == [True, False, True, True]
    assert table["by_fallback"].tolist() == [True, False, True, True]
    assert table["depth"].tolist() == [2, 0, 2, 1]
    assert table["fallback_overhead_ns"].notna().tolist() == [False, False, True, True]
    assert fallbacks(run)["from_provider"].tolist() == ["openai", "openai", "anthropic"]
    assert measure(run).phases[RUN]["fallback_rate"].value == 0.75


@pytest.mark.parametrize(("part", "shown"), [(0, ("req-000001",)), (1, ())])
def test_what_is_out_of_turn_depends_on_the_request(part: int, shown: tuple[str, ...]) -> None:
    """Anthropic before the others is wrong for those that should end there, and right for those that begin there."""
    book = Book()
    book.request(1, Try(at="anthropic"))
    assert look("wrong_order", book.run(mixed(plan_of(), book, [part], orders=ORDERS))).requests == shown


@pytest.mark.parametrize(("part", "shown"), [(0, ("req-000001",)), (1, ())])
def test_a_provider_outside_of_the_requests_order_is_no_fallback_that_was_left(
    part: int, shown: tuple[str, ...]
) -> None:
    """After Azure comes Anthropic in the one order, and nobody in the other."""
    book = Book()
    book.request(12, fails(at="azure"), status=503)
    assert look("fallback_never_fired", book.run(mixed(plan_of(), book, [part], orders=ORDERS))).requests == shown


def test_only_providers_of_the_requests_order_could_have_answered() -> None:
    """OpenAI was healthy, but it does not have the model of the second part."""
    dead = [Fault(on=name, during="fault", inject=Inject(status=503)) for name in BACK]
    book = Book()
    for _ in range(2):
        book.request(12, status=503)
    run = book.run(mixed(plan_of(faults=dead), book, [0, 1], orders=ORDERS))
    assert look("failed_unasked", run).requests == ("req-000001",)


def test_requests_that_a_limit_may_refuse_are_left_out() -> None:
    """Where limits may skip all providers of one part, the other is still judged."""
    book = Book()
    for _ in range(2):
        book.request(12, status=429)
    plan = knowing(plan_of(), limited=BACK)
    found = look("failed_unasked", book.run(mixed(plan, book, [0, 1], orders=ORDERS)))
    assert (found.requests, found.samples) == (("req-000001",), 1)
    assert look("failed_unasked", book.run(mixed(plan, book, [1, 1], orders=ORDERS))).status is Status.INCONCLUSIVE


BOTH = (OUTAGE, Fault(on="anthropic", during="fault", inject=Inject(status=503)))


def back_at(openai_s: float | None, anthropic_s: float | None) -> RunData:
    """Return a run in which each first provider was dead, and serves again from some second on; None is never."""
    book, parts = Book(), []
    for place in range(40):
        part, at_s = place % 2, 41 + place * 0.45
        first, since_s = ("anthropic", anthropic_s) if part else ("openai", openai_s)
        book.request(at_s, Try(at=first if since_s is not None and at_s >= since_s else "azure"))
        parts.append(part)
    return book.run(mixed(plan_of("time_to_recover < 30s", faults=BOTH), book, parts, orders=ORDERS))


@pytest.mark.parametrize(
    ("openai_s", "anthropic_s", "status"),
    [(42, 43, Status.PASS), (None, 42, Status.FAIL), (42, None, Status.FAIL), (None, None, Status.FAIL)],
)
def test_each_first_provider_must_be_tried_again(
    openai_s: float | None, anthropic_s: float | None, status: Status
) -> None:
    """One part that came back does not stand for the other."""
    run = back_at(openai_s, anthropic_s)
    assert look("stuck_on_fallback", run).status is status
    (row,) = judge(run).expectations
    assert row.status is (Status.PASS if status is Status.PASS else Status.INCONCLUSIVE)
    assert ("anthropic never served again" in row.message) == (openai_s is not None and anthropic_s is None)


def test_the_slower_of_two_recoveries_counts() -> None:
    """OpenAI is back after about 2 s, Anthropic after about 11 s."""
    value = measure(back_at(42, 51)).phases[RUN]["time_to_recover"].value
    assert value is not None
    assert ns(11) < value < ns(12)


def test_a_first_provider_without_requests_after_its_fault_leaves_recovery_open() -> None:
    """A part that nobody asked for since cannot have recovered, whatever the other did."""
    book = Book()
    book.request(12, Try(at="azure"))
    book.request(43, Try(at="openai"))
    run = book.run(mixed(plan_of(faults=BOTH), book, [1, 0], orders=ORDERS))
    value = measure(run).phases[RUN]["time_to_recover"]
    assert (value.value, value.why) == (None, "no request came after the fault at anthropic ended")


def test_the_fallback_that_came_last_counts() -> None:
    """A first provider whose requests needed none does not matter."""
    book = Book()
    book.request(12, fails(at="openai"), Try(at="azure"))
    book.request(13, Try(at="anthropic"))
    plan = plan_of(faults=BOTH)
    value = measure(book.run(mixed(plan, book, [0, 1], orders=ORDERS))).phases[RUN]["time_to_fallback"].value
    assert value is not None
    assert ns(2) < value < ns(2.1)
    book.request(15, fails(at="anthropic"), Try(at="azure"))
    value = measure(book.run(mixed(plan, book, [0, 1, 1], orders=ORDERS))).phases[RUN]["time_to_fallback"].value
    assert value is not None
    assert ns(5) < value < ns(5.1)


def test_attempts_in_an_outage_are_those_at_the_requests_own_first_provider() -> None:
    """Calls of a dead Anthropic as the last resort are no probes; those of who begins there are."""
    book = Book()
    book.request(12, fails(at="openai"), fails(at="azure"), fails(at="anthropic"))
    book.request(13, fails(at="anthropic"), fails(at="anthropic"), Try(at="azure"))
    run = book.run(mixed(plan_of(faults=BOTH[1:]), book, [0, 1], orders=ORDERS))
    assert measure(run).phases["fault"]["primary_attempts_in_outage"].value == 2


def test_the_most_attempts_are_those_of_the_longest_order() -> None:
    """The interval of a mean counts with the most that a request of any part may make."""
    book = Book()
    for _ in range(6):
        book.request(12, Try(at="anthropic"))
    plan = plan_of(attempts=3)
    wide = measure(book.run(mixed(plan, book, [0, 1] * 3, orders=ORDERS))).phases[RUN]["amplification"].ci
    narrow = measure(book.run(mixed(plan, book, [0] * 6, orders=[BACK]))).phases[RUN]["amplification"].ci
    assert wide is not None
    assert narrow is not None
    assert wide[1] > narrow[1]
