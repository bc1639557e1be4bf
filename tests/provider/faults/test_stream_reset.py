"""The fault `stream: reset`."""

from harness.provider.reply import Head, Reset
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, body, parts, tokens

FAULT = Inject(stream="reset", after_tokens=3)


def test_a_stream_is_reset_after_so_many_tokens() -> None:
    """What is billed is what had left; what was meant is the whole text."""
    answer = answered(STREAM, FAULT)
    assert answer.reply[-1] == Reset()
    assert (tokens(answer.reply), answer.tokens_out, parts(answer.reply)) == (3, 3, [])
    assert (answer.fault_id, answer.text) == ("fault-1", answered(STREAM).text)


def test_a_stream_that_is_too_short_is_reset_before_its_end() -> None:
    """All tokens are out, the end is not."""
    answer = answered(STREAM, Inject(stream="reset", after_tokens=100))
    assert (tokens(answer.reply), parts(answer.reply), answer.reply[-1]) == (TOKENS, [], Reset())


def test_a_plain_answer_is_reset_half_way() -> None:
    """After half of the promised length; all of it was made, and is billed."""
    answer, whole = answered(PLAIN, FAULT), body(answered(PLAIN).reply)
    assert isinstance(answer.reply[0], Head)
    assert body(answer.reply) == whole[: len(whole) // 2]
    assert answer.reply[-1] == Reset()
    assert (answer.fault_id, answer.tokens_out) == ("fault-1", TOKENS)
