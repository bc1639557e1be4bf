"""The fault `pace`: `ttft` and `tokens_per_second`."""

import pytest

from harness.provider.reply import Head, Send, Wait
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, body, waits

OWN = {"ttft": S, "tokens_per_second": 10}


def test_a_late_first_token_comes_after_its_headers() -> None:
    """The headers leave at once, the rest of the tokens at the provider's own speed."""
    answer = answered(STREAM, Inject(ttft=5 * S), reply=OWN)
    assert isinstance(answer.reply[0], Head)
    assert waits(answer.reply) == [5 * S] + [S // 10] * (TOKENS - 1)
    first = next(place for place, step in enumerate(answer.reply) if isinstance(step, Send) and step.text)
    assert answer.reply[first - 1] == Wait(5 * S)
    assert body(answer.reply) == body(answered(STREAM).reply)
    assert (answer.fault_id, answer.tokens_out) == ("fault-1", TOKENS)


def test_slow_tokens_come_slowly_from_the_second_on() -> None:
    """The first comes when the provider has it."""
    answer = answered(STREAM, Inject(tokens_per_second=2), reply=OWN)
    assert waits(answer.reply) == [S] + [S // 2] * (TOKENS - 1)
    both = answered(STREAM, Inject(ttft=3 * S, tokens_per_second=2), reply=OWN)
    assert waits(both.reply) == [3 * S] + [S // 2] * (TOKENS - 1)


def test_a_plain_answer_comes_when_its_last_token_would_have() -> None:
    """Its headers at once; a mock's tokens are counted, a real provider's about."""
    answer = answered(PLAIN, Inject(ttft=3 * S, tokens_per_second=2), reply=OWN)
    assert isinstance(answer.reply[0], Head)
    assert waits(answer.reply) == [3 * S + (TOKENS - 1) * S // 2]
    assert isinstance(answer.reply[2], Send)


@pytest.mark.parametrize("inject", [Inject(ttft=S), Inject(tokens_per_second=1)])
def test_an_error_is_not_paced(inject: Inject) -> None:
    """It has no tokens."""
    answer = answered(STREAM, Inject(status=500), inject)
    assert waits(answer.reply) == []
    assert answer.other_faults == ()


def test_a_speed_has_no_hold_on_a_single_token() -> None:
    """There is no second one to wait for."""
    answer = answered(STREAM, Inject(tokens_per_second=1), reply={"tokens": 1})
    assert answer == answered(STREAM, reply={"tokens": 1})
