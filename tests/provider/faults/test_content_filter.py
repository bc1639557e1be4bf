"""The fault `stream: content_filter`."""

from hashlib import sha256

import pytest

from harness.provider.answer import Call
from harness.provider.changes import AnswerChanges
from harness.provider.dialects import DIALECTS
from harness.provider.reply import End, Head, Send
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, TOKENS, answered, body, decision, parts, tokens

FAULT = Inject(stream="content_filter", after_tokens=3)
NAMED = {"openai": b'"finish_reason":"content_filter"', "anthropic": b'"stop_reason":"refusal"'}


@pytest.mark.parametrize("dialect", NAMED)
def test_the_filter_ends_the_text_and_says_so(dialect: str) -> None:
    """The text that passed is all that the provider meant to say; all tokens are billed."""
    answer, fine = answered(STREAM, FAULT, dialect=dialect), answered(STREAM, dialect=dialect)
    assert NAMED[dialect] in body(answer.reply)
    assert NAMED[dialect] not in body(fine.reply)
    assert parts(answer.reply) == parts(fine.reply)
    assert (tokens(answer.reply), answer.tokens_out, answer.ending) == (3, TOKENS, "ok")
    assert answer.text is not None
    assert fine.text is not None
    assert fine.text.startswith(answer.text)
    assert answer.text_sha256 == sha256(answer.text.encode()).hexdigest()


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_a_short_stream_is_filtered_at_its_end(dialect: str) -> None:
    """The whole text passes, and the end still names the filter."""
    answer, fine = (
        answered(STREAM, *faults, dialect=dialect)
        for faults in ((Inject(stream="content_filter", after_tokens=100),), ())
    )
    assert (tokens(answer.reply), answer.text) == (TOKENS, fine.text)
    assert answer.fault_id == "fault-1"
    assert body(answer.reply) != body(fine.reply)


def test_an_end_does_not_say_what_was_held_back() -> None:
    """Where it has text of its own (Gemini) or repeats it (OpenAI's responses), that is held back too."""
    call = Call(model="gpt-4", streaming=True, api="responses")
    answer, fine = answered(call, FAULT), answered(call)
    assert fine.text is not None
    assert fine.text.encode() in body(fine.reply)
    assert fine.text.encode() not in body(answer.reply)
    assert b"content_filter" in body(answer.reply)
    assert tokens(answer.reply) == 3


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)


def test_an_answer_that_a_filter_had_ended_already_is_untouched() -> None:
    """The answer has that finish reason already: nothing has changed, so nothing has fired."""
    end = Send(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"content_filter"}]}\n\n', part="finish")
    reply = [Head(200, (("content-type", "text/event-stream"),)), end, End()]
    changes = AnswerChanges(DIALECTS["openai"], decision(Inject(stream="content_filter")), STREAM, NAME, wall_ns=0)
    assert (changes.feed_all(reply), changes.began) == (reply, {})
