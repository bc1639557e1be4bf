"""The fault `delay`."""

import pytest

from harness.document import Allowance
from harness.provider.inject import Limit
from harness.provider.reply import Close, Hang, Head, Wait
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, answered, headers

LATE = Inject(delay=2 * S)


@pytest.mark.parametrize("call", [PLAIN, STREAM])
def test_the_headers_come_late_and_nothing_else(call: object) -> None:
    """After the provider's own time; the rest follows as ever."""
    late = answered(call, LATE, reply={"ttft": S})  # type: ignore[arg-type]
    fine = answered(call, reply={"ttft": S})  # type: ignore[arg-type]
    assert late.reply == [fine.reply[0], Wait(2 * S), *fine.reply[1:]]
    assert late._replace(reply=[], fault_id=None, began=()) == fine._replace(reply=[])
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


def test_what_comes_late_tells_the_time_at_which_it_comes() -> None:
    """A date is counted from when it leaves, or who keeps it would seem to come back early."""
    told = Inject(status=429, retry_after=3 * S, retry_after_as="date")
    answer = answered(PLAIN, told, LATE)
    assert headers(answer.reply)["retry-after"] == "Thu, 01 Jan 1970 00:00:05 GMT"
    assert answer.retry_after_ns == 3 * S
    own = Inject(status=429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:05 GMT"})
    assert answered(PLAIN, own, LATE).retry_after_ns == 3 * S


def test_a_limit_that_answers_late_tells_what_is_left_of_the_wait() -> None:
    """The quota refills meanwhile."""
    limit = Inject(limit=Limit(requests=Allowance(1, 60 * S)), retry_after_as="ms")
    assert answered(PLAIN, limit, LATE, wait_ns=5 * S).retry_after_ns == 3 * S
    assert answered(PLAIN, limit, LATE, wait_ns=S).retry_after_ns == 0
