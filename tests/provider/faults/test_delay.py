"""The fault `delay`."""

import pytest

from harness.provider.reply import Close, Hang, Head, Wait
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, S, answered

LATE = Inject(delay=2 * S)


@pytest.mark.parametrize("call", [PLAIN, STREAM])
def test_the_headers_come_late_and_nothing_else(call: object) -> None:
    """After the provider's own time; the rest follows as ever."""
    late = answered(call, LATE, reply={"ttft": S})  # type: ignore[arg-type]
    fine = answered(call, reply={"ttft": S})  # type: ignore[arg-type]
    assert late.reply == [fine.reply[0], Wait(2 * S), *fine.reply[1:]]
    assert late._replace(reply=[], fault_id=None) == fine._replace(reply=[])
    assert late.fault_id == "fault-1"


def test_an_error_comes_late_too() -> None:
    """The error is what changed the attempt most, the delay the other."""
    answer = answered(PLAIN, Inject(status=503), LATE)
    assert answer.reply[0] == Wait(2 * S)
    assert isinstance(answer.reply[1], Head)
    assert (answer.fault_id, answer.other_faults) == ("fault-1", ("fault-2",))


def test_a_close_comes_late_and_silence_does_not_come_at_all() -> None:
    """Nothing can be added to a silence, so that delay has not fired."""
    assert answered(PLAIN, Inject(connection="close"), LATE).reply == [Wait(2 * S), Close()]
    silent = answered(PLAIN, Inject(connection="silent"), LATE)
    assert silent.reply == [Hang()]
    assert silent.other_faults == ()


@pytest.mark.parametrize(("drawn", "ns"), [(0.0, S), (0.5, 2 * S), (0.75, 2.5 * S)])
def test_jitter_lies_around_the_delay(drawn: float, ns: float) -> None:
    """To both sides, by the attempt's own number."""
    answer = answered(PLAIN, Inject(delay=2 * S, jitter=S), drawn=drawn)
    assert answer.reply[0] == Wait(round(ns))
