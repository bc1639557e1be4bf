"""The fault `stream: keepalive`."""

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.reply import Send, Wait
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, answered, tokens


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_comments_come_in_place_of_content_for_a_while(dialect: str) -> None:
    """About one a second, as long as the pause lasts; then all goes on."""
    fault = Inject(stream="keepalive", after_tokens=3, pause=2_500_000_000)
    answer, fine = answered(STREAM, fault, dialect=dialect), answered(STREAM, dialect=dialect)
    added = [Wait(1_250_000_000), Send(DIALECTS[dialect].keepalive)] * 2
    at = answer.reply.index(added[0])
    assert tokens(answer.reply[:at]) == 3
    assert answer.reply[at : at + 4] == added
    assert answer.reply[:at] + answer.reply[at + 4 :] == fine.reply
    assert answer._replace(reply=[], fault_id=None, began=()) == fine._replace(reply=[])


def test_a_short_pause_has_a_comment_too() -> None:
    """Or it would be a stall."""
    answer = answered(STREAM, Inject(stream="keepalive", pause=S // 2))
    assert answer.reply.count(Send(DIALECTS["openai"].keepalive)) == 1


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, Inject(stream="keepalive")) == answered(PLAIN)
