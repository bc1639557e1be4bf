"""The fault `stream: end`."""

from harness.provider.reply import End
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, parts, tokens

EARLY = Inject(stream="end", after_tokens=3)


def test_a_stream_ends_properly_but_early() -> None:
    """Without a reason and without the sign that nothing follows; the record calls it cut."""
    answer = answered(STREAM, EARLY)
    assert (tokens(answer.reply), parts(answer.reply), answer.reply[-1]) == (3, [], End())
    assert (answer.tokens_out, answer.ending) == (3, "cut")
    assert answer.text == answered(STREAM).text


def test_a_short_stream_ends_without_its_end() -> None:
    """All tokens are out, the reason is not."""
    answer = answered(STREAM, Inject(stream="end", after_tokens=100))
    assert (tokens(answer.reply), parts(answer.reply)) == (TOKENS, [])


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, EARLY) == answered(PLAIN)
