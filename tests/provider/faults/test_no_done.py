"""The fault `stream: no_done`."""

from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, parts, tokens

FAULT = Inject(stream="no_done")


def test_the_sign_that_nothing_follows_is_missing() -> None:
    """And nothing else: the text is whole, and the exchange counts as good."""
    answer, fine = answered(STREAM, FAULT), answered(STREAM)
    assert parts(fine.reply)[-1] == "done"
    assert parts(answer.reply) == parts(fine.reply)[:-1]
    assert (tokens(answer.reply), answer.tokens_out, answer.ending) == (TOKENS, TOKENS, "ok")
    assert answer.fault_id == "fault-1"


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)
