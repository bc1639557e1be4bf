"""The fault `stream: no_usage`."""

import pytest

from harness.provider.dialects import DIALECTS
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, body, parts, tokens

FAULT = Inject(stream="no_usage")


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_no_usage_is_sent(dialect: str) -> None:
    """All else is there, and what it took is still billed."""
    answer, fine = answered(STREAM, FAULT, dialect=dialect), answered(STREAM, dialect=dialect)
    words = (b'"usage', b'eval_count"')
    assert any(word in body(fine.reply) for word in words)
    assert not any(word in body(answer.reply) for word in words)
    assert [part for part in parts(fine.reply) if part != "usage"] == parts(answer.reply)
    assert (tokens(answer.reply), answer.tokens_out, answer.ending) == (TOKENS, TOKENS, "ok")
    assert answer.fault_id == "fault-1"


def test_a_stream_that_would_not_have_said_is_left_alone() -> None:
    """OpenAI sends usage only to callers who ask for it."""
    call = STREAM._replace(usage=False)
    assert answered(call, FAULT) == answered(call)


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)
