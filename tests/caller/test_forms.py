"""What mocked providers answer, read by callers in each form."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from harness.caller.answer import Reading
from harness.caller.forms import FORMS, chat, embeddings, messages, responses
from harness.caller.prompt import RequestWriter
from harness.provider.inject import Inject
from harness.provider.kinds import API, PATHS, Kind
from harness.provider.marker import find_attempts
from harness.provider.reply import Send
from harness.provider.respond import parse, respond
from harness.provider.spec import Provider, ReplySpec
from harness.scenario.mix import MixPart
from tests.caller.test_prompt import TOKEN, Planned
from tests.provider.replies import decision

ATTEMPT = "req-000042.openai.1"
FAST = ReplySpec(ttft=0, tokens=12, tokens_per_second=0)
KINDS: list[tuple[Kind, bool]] = [
    ("chat", False),
    ("chat", True),
    ("tools", False),
    ("tools", True),
    ("embeddings", False),
    ("responses", False),
    ("responses", True),
    ("messages", False),
    ("messages", True),
]


def sent(kind: Kind, streaming: bool, *, inject: Inject | None = None) -> tuple[Any, list[bytes]]:
    """Return a mock's answer to a request of a kind, and the pieces of its body."""
    part = MixPart(share=1.0, kind=kind, inputs=3 if kind == "embeddings" else 1).filled(
        streaming=0.0, prompt=None, prompt_tokens=20, max_tokens=None
    )
    body = RequestWriter(TOKEN, (part,), "gpt-4").body(Planned(streaming=streaming))
    dialect = "anthropic" if kind == "messages" else "openai"
    provider = Provider(dialect=dialect, model="gpt-4", reply=FAST)
    call = parse(provider, "POST", f"/v1{PATHS[API[kind]]}", body)
    assert call.problem is None
    answer = respond(provider, call, ATTEMPT, *([] if inject is None else [decision(inject)]))
    return answer, [step.data for step in answer.reply if isinstance(step, Send)]


def read(kind: Kind, streaming: bool, pieces: list[bytes]) -> Reading:
    """Return how a caller reads them."""
    form = FORMS[API[kind]]
    if not streaming:
        return form.plain(b"".join(pieces))
    assert form.stream is not None
    stream = form.stream()
    for piece in pieces:
        for byte in range(0, len(piece), 50):
            stream.feed(piece[byte : byte + 50])
    return stream.end()


@pytest.mark.parametrize(("kind", "streaming"), KINDS)
def test_a_caller_reads_the_text_that_was_meant(kind: Kind, streaming: bool) -> None:
    """Of each kind, plain and streamed: the hash is what makes an answer whole."""
    answer, pieces = sent(kind, streaming)
    reading = read(kind, streaming, pieces)
    assert (reading.outcome, reading.error) == ("ok", None)
    assert reading.text is not None
    assert hashlib.sha256(reading.text.encode()).hexdigest() == answer.text_sha256
    assert set(find_attempts(reading.text)) == {ATTEMPT}
    assert (reading.tokens_in, reading.tokens_out) == (answer.tokens_in, answer.tokens_out)
    assert len(reading.calls) == (2 if kind == "tools" else 0)


@pytest.mark.parametrize(("kind", "streaming"), [pair for pair in KINDS if pair[1]])
@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_a_stream_that_broke_off_is_truncated(kind: Kind, streaming: bool, after: int) -> None:
    """What came before is its text, and never the whole."""
    answer, pieces = sent(kind, streaming, inject=Inject(stream="cut", after_tokens=after))
    form = FORMS[API[kind]].stream
    assert form is not None
    stream = form()
    for piece in pieces:
        stream.feed(piece)
    reading = stream.end("connection closed in mid-answer")
    assert reading.outcome == "truncated"
    assert hashlib.sha256((reading.text or "").encode()).hexdigest() != answer.text_sha256


@pytest.mark.parametrize(("kind", "streaming"), [pair for pair in KINDS if pair[1]])
def test_an_error_in_a_stream_is_refused(kind: Kind, streaming: bool) -> None:
    """Each form has its own event for it."""
    _answer, pieces = sent(kind, streaming, inject=Inject(stream="error_event", after_tokens=3))
    reading = read(kind, streaming, pieces)
    assert reading.outcome == "truncated"
    assert (reading.error or "").startswith("error in the stream")


@pytest.mark.parametrize("form", FORMS.values())
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b'{"error": "no"}',
        b"data: {}\n\n",
        b'"' + b"x" * 99,
        b"\xff",
        b'{"data": [1]}',
    ],
)
def test_what_is_no_answer_of_a_form_is_an_error(form: Any, body: bytes) -> None:
    """An official client raises on it."""
    reading = form.plain(body)
    assert reading.outcome == "error"
    assert reading.error.startswith("answer of the wrong shape: ")


def test_an_answer_of_another_form_is_an_error() -> None:
    """A gateway that answers a chat where vectors were asked for, or the other way round."""
    _answer, vectors = sent("embeddings", streaming=False)
    _answer, text = sent("chat", streaming=False)
    assert chat.read_plain(b"".join(vectors)).outcome == "error"
    for other in (embeddings, responses, messages):
        assert other.read_plain(b"".join(text)).outcome == "error"


def test_half_a_call_is_not_what_was_meant() -> None:
    """The official client takes it and raises nothing, so it is a success for its caller: the words say what is wrong."""
    call = {"id": "a", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Pa'}}
    body = json.dumps({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).encode()
    reading = chat.read_plain(body)
    assert (reading.outcome, reading.error) == ("ok", "the arguments of a call are no JSON")
    assert reading.text == 'get_weather({"city":"Pa)'


def test_pieces_of_two_calls_may_come_in_any_order() -> None:
    """Their index tells which call they belong to."""
    stream = chat.ChatStream()
    for index, name, arguments in ((1, "b", ""), (0, "a", '{"x"'), (1, None, "{}"), (0, None, ":1}")):
        call = {"index": index, "id": name, "function": {"name": name, "arguments": arguments}}
        stream.feed(f"data: {json.dumps({'choices': [{'delta': {'tool_calls': [call]}}]})}\n\n".encode())
    stream.feed(b"data: [DONE]\n\n")
    assert {call.text for call in stream.end().calls} == {'a({"x":1})', "b({})"}


def test_the_final_response_counts() -> None:
    """A stream whose last event lacks what was streamed hands an empty response over."""
    _answer, pieces = sent("responses", streaming=True)
    whole = b"".join(pieces)
    before, last = (
        whole[: whole.rindex(b"event: response.completed")],
        whole[whole.rindex(b"event: response.completed") :],
    )
    data = json.loads(last.partition(b"data: ")[2])
    data["response"]["output"] = []
    reading = read("responses", streaming=True, pieces=[before, b"data: " + json.dumps(data).encode() + b"\n\n"])
    assert (reading.outcome, reading.text) == ("ok", "")
    assert reading.error == "the response that ends the stream is not what was streamed"


@pytest.mark.parametrize("junk", [5, {"a": 1}, [1], True])
def test_fields_of_another_type_break_no_caller(junk: Any) -> None:
    """A gateway may send anything: it is the answer that is odd, and the load goes on."""
    item = {"type": "function_call", "name": junk, "arguments": junk, "call_id": junk}
    assert responses.read_plain(json.dumps({"output": [item]}).encode()).outcome == "ok"
    block = {"type": "tool_use", "name": junk, "input": junk, "id": junk}
    assert messages.read_plain(json.dumps({"content": [block]}).encode()).outcome == "ok"
    events = {
        "responses": [
            {"type": "response.output_item.added", "item": item, "output_index": junk},
            {"type": "response.function_call_arguments.delta", "delta": junk, "output_index": junk},
            {"type": "response.output_text.delta", "delta": junk},
        ],
        "messages": [
            {"type": "content_block_start", "content_block": block, "index": junk},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": junk}, "index": junk},
        ],
    }
    for api in ("responses", "messages"):
        stream = FORMS[api].stream
        assert stream is not None
        reading = stream()
        for event in events[api]:
            reading.feed(f"data: {json.dumps(event)}\n\n".encode())
        assert reading.end().outcome == "ok"
