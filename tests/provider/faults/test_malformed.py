"""The fault `stream: malformed`."""

import json

import pytest

from harness.provider.dialects import DIALECTS, aws_events
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, TOKENS, answered, body, parts, tokens

FAULT = Inject(stream="malformed", after_tokens=3)


def events(dialect: str, *faults: Inject) -> list[bytes]:
    """Return a stream's events."""
    return DIALECTS[dialect].framing.events(body(answered(STREAM, *faults, dialect=dialect).reply))


def data(event: bytes) -> bytes:
    """Return what an event holds."""
    aws = aws_events.read(event)
    return aws.payload if aws is not None else event.rpartition(b"data:")[2].strip()


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("after", [0, 3, 7, 100])
def test_one_event_is_broken_and_the_stream_goes_on(dialect: str, after: int) -> None:
    """It is still an event, but its data is no JSON; in a stream that is too short, the next event is malformed."""
    whole, broken = events(dialect), events(dialect, Inject(stream="malformed", after_tokens=after))
    assert len(whole) == len(broken)
    ((fine, odd),) = [(a, b) for a, b in zip(whole, broken, strict=True) if a != b]
    assert data(fine).startswith(data(odd))
    with pytest.raises(ValueError, match=r".+"):
        json.loads(data(odd))
    assert data(odd) not in (b"", b"[DONE]")


def test_the_record_calls_it_malformed() -> None:
    """One token did not arrive; the end did."""
    answer = answered(STREAM, FAULT)
    assert (tokens(answer.reply), answer.tokens_out, answer.ending) == (TOKENS - 1, TOKENS, "malformed")
    assert parts(answer.reply) == parts(answered(STREAM).reply)


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)
