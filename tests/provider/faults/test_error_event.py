"""The fault `stream: error_event`."""

import pytest

from harness.provider.answer import Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.reply import End
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, answered, body, head, parts, tokens

FAULT = Inject(stream="error_event", after_tokens=3)


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("error", [None, "overloaded"])
def test_a_good_stream_ends_in_an_error(dialect: str, error: str | None) -> None:
    """The provider's own event, under a 200; the record has its code, and calls the answer cut."""
    answer = answered(STREAM, Inject(stream="error_event", after_tokens=3, error=error), dialect=dialect)  # type: ignore[arg-type]
    problem = error or "server_error"
    event = DIALECTS[dialect].error_event(Refusal(STREAM, NAME, problem=problem))  # type: ignore[arg-type]
    assert head(answer.reply).status == 200
    assert (tokens(answer.reply), parts(answer.reply), answer.reply[-1]) == (3, [], End())
    assert body(answer.reply).endswith(event)
    assert (answer.tokens_out, answer.ending) == (3, "cut")
    read = map(DIALECTS[dialect].read_error, DIALECTS[dialect].framing.events(event))
    assert [error.error_code for error in read if error is not None] == [answer.error_code]


def test_a_plain_answer_is_left_alone() -> None:
    """And the fault has not fired."""
    assert answered(PLAIN, FAULT) == answered(PLAIN)
