"""Several kinds of request in one run: numbers and expectations of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from harness.judge import RUN, Status, judge, measure, metrics_json, metrics_of
from harness.judge.advice import advice
from harness.judge.grammar import parse
from harness.judge.metrics import METRICS
from harness.quantities import MS
from harness.scenario import Arrival, Plan
from harness.scenario.mix import MixPart
from tests.judge.histories import OUTAGE, Book, Try, fails, ns, plan_of
from tests.judge.strategies import books, plans

KINDS = ("chat", "embeddings")


def of_kinds(plan: Plan, *kinds: str) -> Plan:
    """Return a plan whose load asks for some kinds, each as often."""
    mix = tuple(MixPart(share=1 / len(kinds), kind=kind) for kind in kinds)  # type: ignore[arg-type]  # texts here
    return replace(plan, load=replace(plan.load, mix=mix), orders=(plan.chain.order,) * len(kinds))


def arrival(number: int, at_s: float, part: int, **fields: Any) -> Arrival:
    """Return an arrival in the fault."""
    request_id = f"req-{number:06d}"
    return Arrival(request_id=request_id, scheduled_ns=ns(at_s), phase="fault", streaming=False, part=part, **fields)


def only(book: Book, kind: str) -> Book:
    """Return the requests of one kind."""
    found = Book()
    found.requests = [each for each in book.requests if each.kind == kind]
    ids = {each.request_id for each in found.requests}
    found.attempts = [each for each in book.attempts if each.request_id in ids]
    return found


@settings(max_examples=40)
@given(plan=plans(), book=books(), data=st.data())
def test_numbers_of_a_kind_are_those_of_a_run_of_that_kind_alone(plan: Plan, book: Book, data: st.DataObject) -> None:
    """Nothing of the other kinds counts, and all of them together are the run's."""
    book.requests = [replace(each, kind=data.draw(st.sampled_from(KINDS))) for each in book.requests]
    metrics = measure(book.run(of_kinds(plan, *KINDS)))
    for kind in KINDS:
        alone = measure(only(book, kind).run(plan)).phases
        for phase, values in metrics.kinds[kind].items():
            peak = values.pop("amplification_peak"), alone[phase]["amplification_peak"]
            assert values == {name: alone[phase][name] for name in values}
            assert (peak[0].value, peak[0].samples) == (
                None if peak[1].value is None else peak[1].value * 2,
                peak[1].samples,
            )
    sums = [sum(metrics.kinds[kind][RUN][name].value or 0 for kind in KINDS) for name in ("requests", "attempts")]
    assert sums == [metrics.phases[RUN][name].value for name in ("requests", "attempts")]


def test_each_kind_has_all_numbers_about_requests() -> None:
    """What is about the run's processes alone has no kinds."""
    book = Book()
    book.request(1, Try())
    metrics = measure(book.run(of_kinds(plan_of(), *KINDS)))
    whole, chat = set(metrics.phases[RUN]), set(metrics.kinds["chat"][RUN])
    assert whole - chat == {
        name for name in whole if any(name.startswith(each) for each in ("gateway_recovery", "health_", "memory_max"))
    }
    assert chat <= whole
    assert "kind" not in METRICS["memory_max"].groups


def test_one_kind_has_no_numbers_of_its_own() -> None:
    """The run's are its."""
    book = Book()
    book.request(1, Try())
    metrics = measure(book.run(plan_of()))
    assert metrics.kinds == {}
    assert "kinds" not in metrics_json(metrics)


def test_numbers_by_kind_come_back_from_their_file() -> None:
    """What metrics.json holds is what was measured."""
    book = Book()
    for place in range(4):
        book.request(12 + place, fails(), Try(at="azure"), kind=KINDS[place % 2])
    metrics = measure(book.run(of_kinds(plan_of(faults=[OUTAGE]), *KINDS)))
    again = metrics_of(metrics_json(metrics))
    assert again.kinds.keys() == metrics.kinds.keys()
    assert again.kinds["embeddings"]["fault"]["success_rate"] == metrics.kinds["embeddings"]["fault"]["success_rate"]
    assert metrics_json(metrics)["kinds"]["chat"]["fault"]["requests"]["value"] == 2


@pytest.mark.parametrize(
    ("text", "status", "observed"),
    [
        ("success_rate of chat in fault >= 90%", Status.PASS, 1.0),
        ("success_rate of embeddings in fault >= 90%", Status.FAIL, 0.0),
        ("success_rate in fault >= 90%", Status.FAIL, 0.5),
        ("failed_requests of embeddings <= 0", Status.FAIL, 100.0),
        ("max latency of chat in fault < 1s", Status.PASS, 20 * MS),
        ("max latency of embeddings in fault < 1s", Status.FAIL, 2_010 * MS),
        ("fallbacks(503) of embeddings in fault >= 1", Status.FAIL, 0.0),
    ],
)
def test_an_expectation_about_a_kind(text: str, status: Status, observed: float) -> None:
    """Each kind is held against its own limit."""
    book = Book()
    for place in range(100):
        book.request(11 + place / 10, Try(), kind="chat")
        book.request(11 + place / 10, fails(took_s=2), kind="embeddings")
    (row,) = judge(book.run(of_kinds(plan_of_kinds(text), *KINDS))).expectations
    assert (row.status, row.observed, row.kind) == (
        status,
        observed,
        text.split(" of ", maxsplit=1)[1].split(maxsplit=1)[0] if " of " in text else None,
    )
    assert row.text == text


def plan_of_kinds(text: str) -> Plan:
    """Return a plan with an outage and one expectation about kinds."""
    return replace(plan_of(faults=[OUTAGE]), expectations=(parse(text, ["fault"], KINDS),))


def test_the_only_kind_can_be_named() -> None:
    """Without a mix all requests are chats."""
    book = Book()
    book.request(1, Try())
    (row,) = judge(book.run(plan_of("failed_requests of chat <= 0"))).expectations
    assert (row.status, row.kind) == (Status.PASS, "chat")


@pytest.mark.parametrize(
    ("text", "error", "known", "hint"),
    [
        (
            "success_rate of embedding >= 9%",
            "unknown kind 'embedding'",
            "chat, embeddings",
            "did you mean 'embeddings'?",
        ),
        (
            "success_rate of tools >= 9%",
            "no request is of kind 'tools'",
            "chat, embeddings",
            "`load.mix` names the kinds",
        ),
        ("memory_max of chat < 1GB", "'memory_max' is not measured by kind", None, "write memory_max alone"),
        ("success_rate in fault of chat >= 9%", "not an expectation: 'success_rate in fault of chat >= 9%'", ..., ...),
    ],
)
def test_kinds_that_the_load_does_not_have(text: str, error: str, known: object, hint: object) -> None:
    """The message has what there is."""
    with pytest.raises(PydanticCustomError) as caught:
        parse(text, ["fault"], KINDS)
    context = caught.value.context or {}
    assert caught.value.message() == error
    assert known in (..., context.get("known"))
    assert hint in (..., context.get("hint"))


def test_too_few_requests_of_a_kind() -> None:
    """What cannot pass says of which kind there are too few."""
    plan = plan_of_kinds("success_rate of embeddings in fault >= 99%")
    (found,) = [each.text for each in advice(of_kinds(plan, *KINDS)) if each.id == "cannot_pass"]
    assert found == "cannot pass: it needs at least 381 requests of kind 'embeddings', and phase 'fault' has 0"


def test_phases_and_kinds_of_what_is_missing() -> None:
    """A request without a record counts as one of its kind that failed."""
    book = Book()
    book.request(12, Try(), kind="chat")
    plan = of_kinds(plan_of(faults=[OUTAGE]), *KINDS)
    plan = replace(plan, arrivals=(arrival(1, 12, 0), arrival(2, 13, 1), arrival(3, 14, 1)))
    metrics = measure(book.run(plan))
    assert metrics.kinds["embeddings"]["fault"]["failed_requests"].value == 2
    assert metrics.kinds["chat"]["fault"]["failed_requests"].value == 0
    assert metrics.phases["fault"]["requests"].value == 3
    assert metrics.harness["lost"].value == 2


@pytest.mark.parametrize(
    ("before", "missing"),
    [
        ({}, 1),
        ({"outcome": "error", "status": 503, "complete": False}, 0),
        ({"outcome": "truncated", "complete": False}, 0),
        ({"outcome": "deadline", "complete": False}, 0),
        ({"end_ns": ns(59.5)}, 0),
    ],
)
def test_a_turn_is_due_once_the_turn_before_was_answered(before: dict[str, Any], missing: int) -> None:
    """Without an answer, or with one at the run's end, no turn follows, and none is missing."""
    book = Book()
    book.request(12, Try(), kind="conversation", **before)
    book.request(13, Try(), kind="chat")
    plan = of_kinds(plan_of(), "conversation", "chat")
    turns = arrival(1, 12, 0), arrival(3, 13, 0, after="req-000001"), arrival(4, 14, 0, after="req-000003")
    plan = replace(plan, arrivals=(*turns, arrival(2, 13, 1)))
    metrics = measure(book.run(plan))
    assert metrics.harness["lost"].value == missing
    assert metrics.kinds["conversation"]["fault"]["requests"].value == 1 + missing
    assert metrics.kinds["chat"]["fault"]["requests"].value == 1


def test_a_turn_in_another_phase_than_planned_stands_for_no_other_request() -> None:
    """A late answer moves the next turn into recovery: it is not missing in the fault, and hides nothing that is."""
    book = Book()
    book.request(12, Try(took_s=28), kind="conversation")
    book.request(41.1, Try(), kind="conversation", request_id="req-000003")
    plan = of_kinds(plan_of(), "conversation", "chat")
    lost = replace(arrival(2, 45, 0), phase="recovery")
    plan = replace(plan, arrivals=(arrival(1, 12, 0), arrival(3, 13, 0, after="req-000001"), lost))
    metrics = measure(book.run(plan))
    assert [metrics.phases[phase]["requests"].value for phase in ("fault", "recovery")] == [1, 2]
    assert metrics.harness["lost"].value == 1


def test_the_busiest_second_counts_with_all_turns_of_a_conversation() -> None:
    """Ten arrivals a second, half of them conversations of three turns, are twenty requests a second."""
    book = Book()
    for place in range(40):
        book.request(12 + place / 100, Try(), kind="conversation" if place % 4 else "chat")
    metrics = measure(book.run(of_kinds(plan_of(rate=10), "chat", "conversation")))
    peaks = [
        phases[RUN]["amplification_peak"].value
        for phases in (metrics.phases, metrics.kinds["chat"], metrics.kinds["conversation"])
    ]
    assert peaks == pytest.approx([40 / 20, 10 / 5, 30 / 15])


def test_a_request_that_the_plan_does_not_have_is_one_of_the_first_part() -> None:
    """Nothing breaks, whatever is on record."""
    book = Book()
    book.request(1, Try(at="azure"))
    plan = of_kinds(plan_of(), *KINDS)
    plan = replace(plan, orders=(plan.chain.order, ("azure",)))
    assert measure(book.run(plan)).phases[RUN]["primary_skipped"].value == 1
