"""The fault `stream: empty`."""

import pytest

from harness.provider.dialects import DIALECTS
from harness.provider.reply import End
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, answered, body, parts, tokens

FAULT = Inject(stream="empty")


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_a_stream_begins_and_ends_without_content(dialect: str) -> None:
    """Whoever takes it for an answer got nothing of what was meant."""
    answer, fine = answered(STREAM, FAULT, dialect=dialect), answered(STREAM, dialect=dialect)
    assert NAME.encode() in body(fine.reply)
    assert NAME.encode() not in body(answer.reply)
    assert (tokens(answer.reply), parts(answer.reply)) == (0, parts(fine.reply))
    assert answer.reply[-1] == End()
    assert (answer.text, answer.ending) == (fine.text, "malformed")


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)
