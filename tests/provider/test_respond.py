"""The whole way from a call to an answer."""

import typing

import pytest

from harness.provider.answer import outcome
from harness.provider.decide import NOTHING
from harness.provider.dialects import DIALECTS
from harness.provider.reply import Close, End, Hang, Reset
from harness.provider.respond import respond
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, answered, decision, head, mock


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("call", [PLAIN, STREAM])
def test_nothing_changes_nothing(dialect: str, call: typing.Any) -> None:
    """Without a fault the answer is the dialect's own, and names none."""
    answer = respond(mock(dialect), call, NAME, NOTHING)
    assert answer == DIALECTS[dialect].succeed(mock(dialect), call, NAME)
    assert (answer.fault_id, answer.other_faults, answer.ending) == (None, (), "ok")


def test_a_fault_comes_before_the_providers_own_refusal() -> None:
    """A provider that is down does not look at what it is sent."""
    wrong = PLAIN._replace(problem="invalid_request")
    assert head(answered(wrong, Inject(status=503)).reply).status == 503
    assert head(answered(wrong).reply).status == 400


def test_a_refusal_comes_late_but_is_not_cut() -> None:
    """A delay holds up any answer; a stream fault needs a good one."""
    wrong = STREAM._replace(problem="invalid_request")
    answer = answered(wrong, Inject(delay=S), Inject(stream="cut"))
    assert isinstance(answer.reply[-1], End)
    assert (answer.fault_id, answer.other_faults) == ("fault-1", ())


def test_all_faults_that_changed_an_answer_are_named() -> None:
    """What changed it most as its fault, the others beside; one that had nothing to change is not named."""
    late, cut, slow = Inject(delay=S), Inject(stream="cut"), Inject(ttft=S)
    answer = answered(STREAM, late, cut, slow)
    assert (answer.fault_id, answer.other_faults) == ("fault-2", ("fault-3", "fault-1"))
    answer = answered(STREAM, late, cut, slow, Inject(status=503))
    assert (answer.fault_id, answer.other_faults) == ("fault-4", ("fault-1",))


def test_a_body_of_ones_own_under_a_200_is_an_answer_like_any_other() -> None:
    """It can be cut half-way."""
    answer = answered(PLAIN, Inject(status=200, body="all is well"), Inject(stream="cut"))
    assert isinstance(answer.reply[-1], Close)
    assert (answer.fault_id, answer.other_faults) == ("fault-1", ("fault-2",))


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_the_same_attempt_gets_the_same_answer(dialect: str) -> None:
    """Byte for byte, errors and their ids included."""
    for injects in ((), (Inject(status=429),), (Inject(stream="error_event"),)):
        first, second = (respond(mock(dialect), STREAM, NAME, decision(*injects)) for _ in range(2))
        assert first == second


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
    """How an exchange ended follows from its status and the step that ended it."""
    assert outcome(status, last) == expected


@pytest.mark.parametrize(
    ("injects", "began"),
    [
        ((Inject(status=503),), (0,)),
        ((Inject(status=503), Inject(delay=S)), (1, 0)),
        ((Inject(status=200, body="all is well"), Inject(stream="cut")), (0, 1)),
        ((Inject(stream="cut", after_tokens=2), Inject(ttft=S), Inject(delay=S)), (6, 1, 0)),
    ],
)
def test_an_answer_says_where_each_fault_begins(injects: tuple[Inject, ...], began: tuple[int, ...]) -> None:
    """Who leaves before that step has not met the fault; a wait comes before what it holds up."""
    answer = answered(PLAIN if injects[0].stream is None else STREAM, *injects)
    assert answer.began == began
