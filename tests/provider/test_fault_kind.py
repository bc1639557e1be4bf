"""The record of a kind of fault: complete, and in agreement with itself."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from harness.document import Allowance
from harness.provider.fault_kind import ActsInstead, ActsOnAnswer, ActsOnListener, Family, FaultKind
from harness.provider.faults import FAULTS
from harness.provider.inject import Inject, Limit
from harness.provider.listener import ListenerState
from harness.quantities import S

KINDS = tuple(FAULTS.own.values())
VALUES: Mapping[str, Any] = {
    "status": 503,
    "body": "no",
    "delay": S,
    "ttft": S,
    "tokens_per_second": 2.0,
    "bytes_per_second": 1000,
    "limit": Limit(requests=Allowance(1, S)),
}


def injects(kind: FaultKind) -> list[Inject]:
    """Return a kind of fault in each way to write it, with the keys that it needs."""
    needed = {name: VALUES[name] for name in kind.needs}
    forms = [form.partition(": ") for form in kind.written]
    return [Inject(**{key: name or VALUES[key]}, **needed) for key, _, name in forms]


@pytest.mark.parametrize("record", [FaultKind, ActsInstead, ActsOnAnswer, ActsOnListener])
def test_no_fact_has_a_default(record: type) -> None:
    """A kind that leaves one open fails at import."""
    for field in dataclasses.fields(record):
        assert field.default is dataclasses.MISSING
        assert field.default_factory is dataclasses.MISSING


def test_a_kind_that_leaves_a_fact_open_names_it() -> None:
    """In the error that ends the import of its file."""
    facts = {field.name: getattr(KINDS[0], field.name) for field in dataclasses.fields(FaultKind)}
    del facts["kills"]
    with pytest.raises(TypeError, match="kills"):
        FaultKind(**facts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "other"},
        {"written": ("stream: reset",)},
        {"needs": {"delay": "2s"}},
        {"meets_plain": "nothing"},
    ],
)
def test_a_record_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    """It would be found under a name that nobody can write, or be documented as what it is not."""
    with pytest.raises(ValueError, match="fault"):
        dataclasses.replace(FAULTS["reset"], **wrong)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_way_to_write_a_kind_leads_to_it(kind: FaultKind) -> None:
    """And it is in words, and documented."""
    for inject in injects(kind):
        assert inject.fault_kind is kind
        assert all(kind.words(inject))
    assert kind.meets
    assert kind.fails or not kind.kills(injects(kind)[0])
    assert not (kind.whole_provider and kind.ends_by)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.whole_provider], ids=lambda kind: kind.kind)
def test_a_fault_of_the_port_changes_the_port(kind: FaultKind) -> None:
    """To a state that differs from that of a port without faults."""
    (inject,) = injects(kind)
    assert ListenerState(**kind.listener(inject)) != ListenerState()


def test_what_explore_tries_is_valid_and_has_one_place() -> None:
    """Two examples in one place of a family would be tried in the order of their files."""
    examples = [(kind, example) for kind in KINDS for example in kind.examples]
    for kind, example in examples:
        assert example.inject.fault_kind is kind
        written = {name: value for name in Inject.__slots__ if (value := getattr(example.inject, name)) is not None}
        durations = {
            name: f"{value}ns" for name, value in written.items() if name in ("delay", "pause", "ttft", "retry_after")
        }
        assert TypeAdapter(Inject).validate_python({**written, **durations}) == example.inject
    places = Counter((example.family, example.place) for _kind, example in examples)
    assert max(places.values()) == 1
    assert {family for family, _place in places} == set(get_args(Family))
