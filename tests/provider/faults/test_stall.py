"""The fault `stream: stall`."""

from harness.provider.faults.context import PAUSE_NS
from harness.provider.reply import End, Send, Wait
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, answered, body, tokens, waits

STALL = Inject(stream="stall", after_tokens=3, pause=4 * S)


def test_a_stream_falls_silent_and_goes_on() -> None:
    """Nothing of it is lost."""
    answer, fine = answered(STREAM, STALL), answered(STREAM)
    at = answer.reply.index(Wait(4 * S))
    assert tokens(answer.reply[:at]) == 3
    assert answer.reply[:at] + answer.reply[at + 1 :] == fine.reply
    assert answer._replace(reply=[], fault_id=None, began=()) == fine._replace(reply=[])
    assert answer.fault_id == "fault-1"


def test_it_lasts_ten_seconds_unless_it_says() -> None:
    """The default that the reference names."""
    assert waits(answered(STREAM, Inject(stream="stall")).reply) == [PAUSE_NS]


def test_a_plain_answer_stalls_half_way() -> None:
    """Half of its bytes before the pause, half after; its text comes with the second."""
    answer, whole = answered(PLAIN, STALL), body(answered(PLAIN).reply)
    _, first, pause, second, last = answer.reply
    half = len(whole) // 2
    assert (first, pause, last) == (Send(whole[:half]), Wait(4 * S), End())
    assert second == Send(whole[half:], answer.text or "")


def test_a_pace_takes_no_pause_away() -> None:
    """Both act: the fault that paces counts tokens, not waits of others."""
    answer = answered(STREAM, STALL, Inject(ttft=S, tokens_per_second=2))
    assert waits(answer.reply).count(4 * S) == 1
    assert waits(answer.reply)[0] == S
    assert (answer.fault_id, answer.other_faults) == ("fault-1", ("fault-2",))
