"""The whole way from a call to an answer."""

import typing

import pytest

from harness.chain import Provider
from harness.provider.answer import Call, outcome
from harness.provider.faults import INSTEAD
from harness.provider.reply import Close, End, Hang, Head, Reset
from harness.provider.respond import respond
from harness.scenario import Inject, Window
from harness.scenario.schema import WHOLE_PROVIDER, Connection

PROVIDER = Provider(dialect="openai", model="gpt-4")


def window(inject: Inject) -> Window:
    """Return a window that holds a fault."""
    return Window(fault_id="fault-3", provider="openai", start_ns=0, end_ns=1, inject=inject, share=1.0, text="")


def test_a_fault_is_named_by_the_answer_it_changed() -> None:
    """The answer carries the fault's id, and none where no fault touched it."""
    call = Call(model="gpt-4", prompt_tokens=1)
    assert respond(PROVIDER, call, "req-000001.openai.1", window(Inject(status=500))).fault_id == "fault-3"
    assert respond(PROVIDER, call, "req-000001.openai.1").fault_id is None


def test_every_fault_that_is_decided_for_attempts_has_an_answer() -> None:
    """Whatever a scenario can inject is either here or acts on the whole listener."""
    assert set(INSTEAD) == {"status", *typing.get_args(Connection)} - WHOLE_PROVIDER


def test_a_fault_comes_before_the_providers_own_refusal() -> None:
    """A provider that is down does not look at what it is sent."""
    answer = respond(PROVIDER, Call(problem="invalid_request"), "a-000001.openai.1", window(Inject(status=503)))
    assert isinstance(answer.reply[0], Head)
    assert answer.reply[0].status == 503


@pytest.mark.parametrize(
    ("status", "last", "expected"),
    [
        (200, End(), "ok"),
        (429, End(), "status"),
        (200, Close(), "cut"),
        (None, Reset(), "reset"),
        (200, Reset(), "reset"),
        (None, Hang(), "client_left"),
    ],
)
def test_outcomes_follow_from_the_last_step(
    status: int | None, last: End | Close | Reset | Hang, expected: str
) -> None:
    """How an exchange ended is told by its status and the step that ended it."""
    assert outcome(status, last) == expected
