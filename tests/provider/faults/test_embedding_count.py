"""The fault `answer: embedding_count`."""

import pytest

from harness.provider import vectors
from harness.provider.answer import Call
from harness.provider.changes import AnswerChanges
from harness.provider.dialects import DIALECTS
from harness.provider.reply import Close, End, Head, Send, Step
from harness.scenario import Inject
from tests.provider.replies import NAME, PLAIN, STREAM, answered, body, decision, headers

FAULT = Inject(answer="embedding_count")
CALL = Call(model="m", api="embeddings", inputs=3, prompt_tokens=9)


@pytest.mark.parametrize("dialect", [name for name, dialect in DIALECTS.own.items() if dialect.embed is not None])
@pytest.mark.parametrize("encodings", [(), ("base64",)])
def test_the_last_vector_is_missing(dialect: str, encodings: tuple[str, ...]) -> None:
    """The answer is a success of the promised length; the record has what was meant."""
    form = DIALECTS[dialect].embed
    assert form is not None
    call = CALL._replace(
        encodings=encodings, form={"gemini": "batchEmbedContents", "vertex_ai": "predict"}.get(dialect, "")
    )
    answer = answered(call, FAULT, dialect=dialect)
    assert form.read(body(answer.reply)).text == "".join(vectors.texts(NAME, 3)[:2])
    assert int(headers(answer.reply)["content-length"]) == len(body(answer.reply))
    assert (answer.fault_id, answer.ending, answer.text) == (
        "fault-1",
        "malformed",
        answered(call, dialect=dialect).text,
    )
    assert (answer.tokens_in, answer.tokens_out) == (9, 0)
    assert isinstance(answer.reply[answer.began[0]], Send)


def test_an_only_vector_is_empty() -> None:
    """Where the vendor sends one vector by itself."""
    answer = answered(CALL._replace(inputs=1, form="titan-v2"), FAULT, dialect="bedrock")
    assert body(answer.reply).rstrip() == b'{"embedding":[],"inputTextTokenCount":9}'


@pytest.mark.parametrize("call", [PLAIN, STREAM])
def test_chats_are_left_alone(call: Call) -> None:
    """They have no vectors."""
    answer = answered(call, FAULT)
    assert answer == answered(call)


def changed(*steps: Step) -> list[Step]:
    """Return what leaves of a real provider's answer, which comes in pieces."""
    changes = AnswerChanges(DIALECTS["openai"], decision(FAULT), CALL, NAME, wall_ns=0)
    return changes.feed_all([Head(200, (("content-type", "application/json"),)), *steps])


def test_a_real_answer_in_pieces_is_changed_as_a_whole() -> None:
    """Nothing of it leaves before all of it has come."""
    whole = body(answered(CALL).reply)
    head, sent, end = changed(Send(whole[:100]), Send(whole[100:], "x"), End())
    assert isinstance(sent, Send)
    assert (type(head), type(end), len(sent.data)) == (Head, End, len(whole))
    assert len(DIALECTS["openai"].embed.read(sent.data).vectors) == 2  # type: ignore[union-attr]


@pytest.mark.parametrize("last", [End(), Close()])
def test_what_is_no_such_answer_passes(last: Step) -> None:
    """Garbage, and an answer that breaks off."""
    assert [step.data for step in changed(Send(b"{}"), Send(b"!"), last) if isinstance(step, Send)] == [b"{}!"]
