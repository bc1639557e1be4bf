import json
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.caller.answer import NO_CONTENT, WRONG_SHAPE, StreamReading, error_code, read_failure
from harness.caller.forms.chat import ChatStream, read_plain


def answer(content: Any, **rest: Any) -> bytes:
    """Return a plain answer."""
    return json.dumps(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}}], **rest}
    ).encode()


def event(value: Any, name: str = "") -> bytes:
    """Return one event of a stream."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def piece(content: Any, index: int = 0) -> bytes:
    """Return one content event."""
    return event({"choices": [{"index": index, "delta": {"content": content}}]})


DONE = event("[DONE]")

PLAIN = [
    (answer("hello"), "ok", "hello", None),
    (answer(""), "ok", "", None),
    (answer(None), "ok", "", NO_CONTENT),
    (answer("lone \ud800 surrogate"), "ok", "lone \ud800 surrogate", None),
    (answer(7), "error", None, "content is no text"),
    (answer(["a"]), "error", None, "content is no text"),
    (b"", "error", None, "empty"),
    (b" \n", "error", None, "empty"),
    (b'{"choices": [', "error", None, "no JSON"),
    (b"Bad gateway", "error", None, "no JSON"),
    (b"\n<!DOCTYPE html><html>Sign in</html>", "error", None, "HTML or XML"),
    (b"[]", "error", None, "no choices"),
    (b"null", "error", None, "no JSON"),
    (b"{}", "error", None, "no choices"),
    (b'{"choices": []}', "error", None, "no choices"),
    (b'{"choices": null}', "error", None, "no choices"),
    (b'{"choices": [{"text": "old"}]}', "error", None, "no message"),
    (b'{"choices": [{"message": null}]}', "error", None, "no message"),
    (b'{"error": {"code": "overloaded", "message": "m"}}', "error", None, "overloaded"),
    (b'{"error": {"message": "a sentence that may hold a key"}}', "error", None, "an error"),
    (piece("a") + DONE, "error", None, "a stream"),
    (b"[" * 100_000, "error", None, "no JSON"),
]

STREAMS = [
    (piece("one ") + piece("two") + DONE, "ok", "one two", None),
    (piece("one") + piece("!") + event({"choices": [], "usage": {"prompt_tokens": 1}}) + DONE, "ok", "one!", None),
    (piece("one") + piece(None) + piece(""), "ok", "one", None),
    (piece("mine") + piece("other", index=1) + DONE, "ok", "mine", None),
    (b": waiting\n\n" + piece("one") + DONE + piece("after"), "ok", "one", None),
    (b"", "ok", "", "no event in the stream"),
    (b'{"error": {"code": "x"}}', "ok", "", "no event in the stream"),
    (b"<html>Sign in</html>\n\n", "ok", "", "no event in the stream"),
    (DONE, "ok", "", NO_CONTENT),
    (piece(None) + event({"choices": []}) + DONE, "ok", "", NO_CONTENT),
    (
        piece("one") + event({"error": {"code": "server_error", "message": "secret"}}),
        "truncated",
        "one",
        "server_error",
    ),
    (
        piece("one") + event({"error": {"message": "m"}}, "error") + piece("two"),
        "truncated",
        "one",
        "error in the stream",
    ),
    (piece("one") + event('{"choices": [{"del'), "truncated", "one", "error in the stream"),
    (piece("one") + event("not json") + DONE, "truncated", "one", "error in the stream"),
    (piece("one") + event({"choices": [{"index": 0, "delta": None}]}) + DONE, "truncated", "one", WRONG_SHAPE),
    (piece("one") + piece(5), "truncated", "one", WRONG_SHAPE),
]


@pytest.mark.parametrize(("body", "outcome", "text", "error"), PLAIN)
def test_plain_answers(body: bytes, outcome: str, text: str | None, error: str | None) -> None:
    """A plain answer gives its text, or is of the wrong shape."""
    reading = read_plain(body)
    assert (reading.outcome, reading.text) == (outcome, text)
    assert reading.error == (f"{WRONG_SHAPE}: {error}" if outcome == "error" else error)


def test_a_tool_call_needs_no_content() -> None:
    """Nothing is missing from a null content beside tool calls."""
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "function": {"name": "a", "arguments": ""}}],
    }
    reading = read_plain(json.dumps({"choices": [{"message": message}]}).encode())
    assert (reading.outcome, reading.text, reading.error) == ("ok", "a({})", None)


def read_stream(*pieces: bytes, broken: str | None = None) -> StreamReading:
    """Return a reading that was fed these bytes."""
    reading = ChatStream()
    for data in pieces:
        reading.feed(data)
    return reading


@pytest.mark.parametrize(("body", "outcome", "text", "error"), STREAMS)
def test_streamed_answers(body: bytes, outcome: str, text: str, error: str | None) -> None:
    """A stream gives its text; it is truncated where the official client raises."""
    reading = read_stream(body).end()
    assert (reading.outcome, reading.text) == (outcome, text)
    assert (reading.error is None) == (error is None)
    assert error is None or error in str(reading.error)


def official(body: bytes, *, stream: bool) -> tuple[str, bool]:
    """Return the text that a caller gets from the official client, and whether anything raised."""
    kind = "text/event-stream" if stream else "application/json"
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers={"content-type": kind}))
    text = ""
    with httpx.Client(transport=transport) as http:
        client = openai.OpenAI(api_key="k", base_url="http://mock/v1", http_client=http, max_retries=0)
        try:
            if not stream:
                reply = client.chat.completions.create(model="m", messages=[])
                return reply.choices[0].message.content or "", False
            for chunk in client.chat.completions.create(model="m", messages=[], stream=True):
                for choice in chunk.choices or ():
                    if choice.index == 0:
                        text += choice.delta.content or ""
        except Exception:  # whatever is raised, the caller has no answer
            return text, True
    return text, False


@pytest.mark.parametrize("body", [case[0] for case in STREAMS])
def test_the_official_client_takes_the_same_streams(body: bytes) -> None:
    """The official client gets the same text from each stream, and raises on those that count as truncated."""
    reading = read_stream(body).end()
    assert official(body, stream=True) == (reading.text, reading.outcome == "truncated")


SAME_PLAIN = [case[0] for case in PLAIN if case[0] not in (answer(7), answer(["a"]), answer("lone \ud800 surrogate"))]


@pytest.mark.parametrize("body", SAME_PLAIN)
def test_the_official_client_takes_the_same_answers(body: bytes) -> None:
    """The official client takes the answers that count as ok; of those with a text that is none it checks nothing."""
    reading = read_plain(body)
    assert official(body, stream=False) == (reading.text or "", reading.outcome == "error")


@pytest.mark.parametrize(
    ("body", "outcome"), [(piece("one") + DONE, "ok"), (piece("one"), "truncated"), (b"", "truncated")]
)
def test_a_broken_connection_counts_until_done(body: bytes, outcome: str) -> None:
    """After [DONE] nobody reads on; before it, a connection that breaks raises."""
    assert read_stream(body).end("connection reset").outcome == outcome


@given(st.text(), st.data())
def test_pieces_do_not_change_a_stream(text: str, data: st.DataObject) -> None:
    """However a stream is cut into content events and bytes, the text is the same."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    body = b"".join(map(piece, parts)) + DONE
    step = data.draw(st.integers(1, len(body)))
    reading = read_stream(*(body[at : at + step] for at in range(0, len(body), step)))
    assert reading.end().text == text
    assert reading.finished


@given(st.binary(max_size=200))
def test_any_bytes_have_a_reading(body: bytes) -> None:
    """No answer of a chain breaks the load."""
    assert read_plain(body).outcome in ("ok", "error")
    assert read_stream(body).end().outcome in ("ok", "truncated")
    assert read_failure(500, body).outcome == "error"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["choices", "message", "delta", "content", "error", "code", "usage", "index", "prompt_tokens"]), inner, max_size=4), max_leaves=12)  # fmt: skip


@given(JSON)
def test_any_json_has_a_reading(value: Any) -> None:
    """No JSON of a chain breaks the load, however odd its shape."""
    body = json.dumps(value).encode()
    assert read_plain(body).outcome in ("ok", "error")
    assert read_stream(event(value)).end().outcome in ("ok", "truncated")
    assert read_failure(500, body).outcome == "error"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (
            429,
            {"error": {"message": "m", "type": "requests", "code": "rate_limit_exceeded"}},
            "429 rate_limit_exceeded: m",
        ),
        (500, {"error": {"message": "m", "type": "server_error", "code": None}}, "500 server_error: m"),
        (503, {"error": {"message": "m", "type": None, "code": "503"}}, "503: m"),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, "529 overloaded_error"),
        (429, {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, "429 RESOURCE_EXHAUSTED"),
        (
            401,
            {"error": {"message": "Incorrect API key provided: sk-abc", "code": "invalid_api_key"}},
            "401 invalid_api_key",
        ),
        (400, {"error": "no such thing, really"}, "400"),
        (502, "<html>", "502"),
    ],
)
def test_failures_tell_status_and_code(status: int, body: Any, error: str) -> None:
    """A failed answer is described by status and code, a 429 or 5xx by its message too; other messages may quote a key."""
    reading = read_failure(status, json.dumps(body).encode())
    assert (reading.outcome, reading.text, reading.error) == ("error", None, error)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4)),
        ({"prompt_tokens": "3", "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": -1, "completion_tokens": 2**64}, (None, None)),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_tokens_are_counts_or_unknown(usage: Any, tokens: tuple[int | None, int | None]) -> None:
    """Only whole numbers of tokens are taken over."""
    plain = read_plain(answer("a", usage=usage))
    streamed = read_stream(event({"choices": [], "usage": usage})).end()
    assert (plain.tokens_in, plain.tokens_out) == (streamed.tokens_in, streamed.tokens_out) == tokens


def test_no_code_in_what_is_no_error() -> None:
    """Anything but an error body has no code."""
    assert [error_code(value) for value in (None, [], {}, {"error": None}, {"error": {"code": "a b"}})] == [None] * 5
