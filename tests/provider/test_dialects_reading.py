"""What is read from providers, mocked or real: events and bodies of any spelling."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.answer import ParsedBody
from harness.provider.dialects import DIALECTS
from harness.provider.inject import ErrorPreset
from harness.provider.reply import EventRole
from tests.provider.exchange import (
    PRESETS,
    SERVER_SENT,
    WAYS,
    ask,
    data_of,
    dialect_of,
    format_of,
    head,
    readable,
    refuse,
    sends,
    sent,
    split,
)

KEYS = [
    "choices",
    "delta",
    "content",
    "text",
    "usage",
    "error",
    "candidates",
    "parts",
    "type",
    "message",
    "response",
    "output",
    "object",
    "finish_reason",
    "finishReason",
    "details",
    "retryDelay",
    "code",
]
GARBAGE = st.binary(max_size=80) | st.builds(
    lambda value, head, end: head + json.dumps(value).encode() + end,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner
                | st.sampled_from(
                    [
                        "response",
                        "response.completed",
                        "response.output_text.done",
                        "response.output_item.done",
                        "content_block_delta",
                        "message_delta",
                    ]
                ),
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.sampled_from([b"", b"data: ", b"data:", b"event: x\ndata: "]),
    st.sampled_from([b"", b"\n\n", b"\r\n\r\n"]),
)


@given(
    tokens=st.integers(1, 40),
    limit=st.none() | st.integers(1, 40),
    usage=st.booleans(),
    way=st.sampled_from(sorted(WAYS)),
)
def test_our_own_streams_are_read_as_they_were_meant(tokens: int, limit: int | None, usage: bool, way: str) -> None:
    """Each event of a mocked stream gives back its text and its part."""
    options = {"stream_options": {"include_usage": usage}}
    answer = ask(way, {"tokens": tokens}, stream=True, max_tokens=limit, **options)
    read = DIALECTS[dialect_of(way)].read_event
    for send in sends(answer):
        events = split(send.data)
        assert b"".join(events) == send.data
        if len(events) == 1:
            assert read(send.data) == send
        for event in events:
            assert (read(event).text, read(event).part) == (send.text, send.part)


@pytest.mark.parametrize("way", SERVER_SENT)
def test_streams_are_read_in_any_spelling(way: str) -> None:
    """Spaces, another order of keys, data on several lines and CRLF change nothing."""
    read = DIALECTS[dialect_of(way)].read_event
    for event in split(sent(ask(way, stream=True))):
        meant = read(event)
        for data in data_of([event]):
            turned = dict(reversed(data.items()))
            lines = "".join(f"data: {line}\r\n" for line in json.dumps(turned, indent=1).splitlines())
            spelled = f": a comment\r\nid: 7\r\n{lines}\r\n".encode()
            again = read(spelled)
            assert (again.data, again.text, again.part) == (spelled, meant.text, meant.part)


@given(tokens=st.integers(1, 40), way=st.sampled_from(sorted(WAYS)))
def test_our_own_answers_are_read_as_they_were_meant(tokens: int, way: str) -> None:
    """A plain answer gives back its text and its tokens, also when it is spelled in another way."""
    answer = ask(way, {"tokens": tokens})
    raw = sent(answer)
    meant = ParsedBody(answer.text or "", 10, tokens, finish=None if way == "responses" else "stop")
    read = DIALECTS[dialect_of(way)].read_body
    assert read(200, raw) == meant
    assert read(200, json.dumps(dict(reversed(json.loads(raw).items())), indent=2).encode()) == meant


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("problem", PRESETS)
def test_our_own_errors_are_read_as_they_were_meant(dialect: str, problem: ErrorPreset) -> None:
    """An error gives back the code that is on record."""
    answer = refuse(dialect, problem)
    of, parts = DIALECTS[dialect], head(answer)
    read = of.with_code(of.read_body(parts.status, sent(answer)), parts.headers)
    assert read == ParsedBody(error_code=answer.error_code)


@pytest.mark.parametrize("dialect", DIALECTS.own)
@given(garbage=GARBAGE, status=st.sampled_from([200, 400, 429, 503]))
def test_garbage_says_nothing_and_raises_nothing(dialect: str, garbage: bytes, status: int) -> None:
    """Whatever bytes come, they are read as far as they go, and what is read can be written down."""
    of = DIALECTS[dialect]
    send = of.read_event(garbage)
    assert send.data == garbage
    send.text.encode()
    heard = of.read_body(status, garbage)
    heard.text.encode()
    (heard.error_code or "").encode()
    assert isinstance(of.filtered(garbage), bytes)
    assert isinstance(of.emptied(garbage), bytes)
    assert isinstance(of.without_usage(garbage), bytes)


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_nesting_without_end_is_survived(dialect: str) -> None:
    """It says nothing."""
    deep = b'{"choices":' + b"[" * 200_000
    assert DIALECTS[dialect].read_body(200, deep) == ParsedBody()
    assert DIALECTS[dialect].read_event(b"data: " + deep + b"\n\n").text == ""


@pytest.mark.parametrize("way", WAYS)
def test_usage_is_taken_out_of_every_event_and_nothing_else(way: str) -> None:
    """Everything but the usage is left; an event that held nothing else is gone."""
    of = DIALECTS[dialect_of(way)]
    answer = ask(way, {"tokens": 4}, stream=True, stream_options={"include_usage": True})
    kept = [b"".join(map(of.without_usage, split(send.data))) for send in sends(answer)]
    changed = [send for send, data in zip(sends(answer), kept, strict=True) if data != send.data]
    assert changed
    raw = b"".join(kept)
    for count in ('"total_tokens"', '"output_tokens"', "TokenCount", "totalTokens", "eval_count"):
        assert count not in readable(raw)
    assert "".join(of.read_event(event).text for event in split(raw)) == answer.text
    parts = [of.read_event(event).part for event in split(raw)]
    assert "finish" in parts
    assert "usage" not in parts
    assert [of.without_usage(event) for event in split(raw)] == split(raw)


@pytest.mark.parametrize("way", WAYS)
def test_only_ends_are_filtered(way: str) -> None:
    """The events that say why an answer ended say the filter, still as such ends; all others stay as they are."""
    of = DIALECTS[dialect_of(way)]
    reasons = {"gemini": '"SAFETY"', "bedrock": '"content_filtered"', "cohere": '"ERROR_TOXIC"'}
    reason = reasons.get(format_of(way), '"refusal"' if format_of(way) == "anthropic" else '"content_filter"')
    filtered = b""
    for send in sends(ask(way, stream=True)):
        event = of.filtered(send.data)
        if send.part == "finish":
            assert of.read_event(event).part == "finish"
            assert split(event) == [event]
            filtered += event
        else:
            assert event == send.data
    assert readable(filtered).count(reason) >= 1
    for stop in ('"stop"', '"STOP"', '"end_turn"', '"COMPLETE"'):
        assert stop not in readable(filtered)


@pytest.mark.parametrize("way", WAYS)
def test_an_emptied_end_says_no_text_and_stays_an_end(way: str) -> None:
    """Responses repeat their text at the end, and Gemini's last event may have some."""
    of = DIALECTS[dialect_of(way)]
    closing = [send for send in sends(ask(way, stream=True)) if send.part]
    emptied = [of.emptied(send.data) for send in closing]
    assert "<<" not in readable(b"".join(emptied))
    assert [of.read_event(event).part for event in emptied] == [send.part for send in closing]
    if way != "responses":
        assert emptied == [send.data for send in closing]


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        ("gemini", b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}\n\n'),
        ("openai", b'data: {"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}\n\n'),
    ],
)
def test_an_end_with_a_last_token_can_be_emptied(dialect: str, event: bytes) -> None:
    """Real providers may send both in one event."""
    of = DIALECTS[dialect]
    assert (of.read_event(event).text, of.read_event(event).part) == ("a", "finish")
    assert (of.read_event(of.emptied(event)).text, of.read_event(of.emptied(event)).part) == ("", "finish")


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_comments_and_keepalives_carry_nothing(dialect: str) -> None:
    """Whatever keeps a connection awake is no token and no end."""
    of = DIALECTS[dialect]
    for event in (of.keepalive, b": a comment\n\n", b"\n\n", b"event: ping\r\n\r\n"):
        assert (of.read_event(event).text, of.read_event(event).part) == ("", "")


REAL: list[tuple[str, bytes, str, EventRole]] = [
    ("openai", b'data: {"choices":[{"delta":{"content":[{"text":"a"},{"text":"b"}]}}]}', "ab", ""),
    ("openai", b'data: {"choices":[{"delta":{"content":null},"finish_reason":null}],"usage":null}', "", ""),
    ("openai", b'data: {"choices":[],"usage":{"total_tokens":3}}', "", "usage"),
    ("openai", b"data:[DONE]", "", "done"),
    ("openai", 'data: {"choices":[{"delta":{"content":"gr\u00fc\u00df"}}]}'.encode(), "gr\u00fc\u00df", ""),
    ("openai", b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}', "?", ""),
    ("openai", b'event: response.output_item.done\ndata: {"type": "response.output_item.done", "item": {"type": "reasoning"}}', "", ""),
    ("deepseek", b'data: {"choices":[{"delta":{"content":"","reasoning_content":"hm"}}]}', "", ""),
    ("openrouter", b'data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502}}', "", "finish"),
    ("openrouter", b'data: {"choices":[{"delta":{"content":""}}],"usage":{"cost":1}}', "", "usage"),
    ("anthropic", b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"hm"}}', "", ""),
    ("anthropic", b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}', "", ""),
    ("gemini", b'data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true},{"text":"a"},{"text":"b"}]}}]}', "ab", ""),
    ("gemini", b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{}}', "a", "finish"),
    ("gemini", b'data: {"usageMetadata":{"promptTokenCount":1}}', "", "usage"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "event", "text", "part"), REAL)
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n"])
def test_events_as_real_providers_send_them(dialect: str, event: bytes, text: str, part: EventRole, end: bytes) -> None:
    """Shapes that no mock here sends are read too."""
    send = DIALECTS[dialect].read_event(event + end)
    assert (send.data, send.text, send.part) == (event + end, text, part)


@pytest.mark.parametrize(
    ("dialect", "status", "body", "heard"),
    [
        ("openrouter", 200, {"error": {"code": 502, "message": "x"}}, ParsedBody(error_code="502")),
        ("openai", 200, {"object": "response", "error": {"code": "server_error"}}, ParsedBody(error_code="server_error")),
        (
            "openai",
            429,
            {"error": {"message": "Please try again in 6m0.5s. Visit us.", "type": "tokens", "code": None}},
            ParsedBody(error_code="tokens", retry_after_ns=360_500_000_000),
        ),
        (
            "azure",
            429,
            {"error": {"code": "429", "message": "Please retry after 1 second."}},
            ParsedBody(error_code="429", retry_after_ns=10**9),
        ),
        (
            "gemini",
            429,
            [{"error": {"status": "RESOURCE_EXHAUSTED", "details": [{}, {"retryDelay": "46s"}]}}],
            ParsedBody(error_code="RESOURCE_EXHAUSTED", retry_after_ns=46 * 10**9),
        ),
        ("gemini", 503, {"error": {"code": 503, "message": "Please retry in 1.5s."}}, ParsedBody("", None, None, "503", 1_500_000_000)),
        ("anthropic", 200, {"content": [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "a"}]}, ParsedBody("a")),
        ("deepseek", 500, "<html>", ParsedBody()),
    ],
)  # fmt: skip
def test_bodies_as_real_providers_send_them(dialect: str, status: int, body: Any, heard: ParsedBody) -> None:
    """Errors in a 200, words that name a delay, a list around an error, parts that are no text."""
    assert DIALECTS[dialect].read_body(status, json.dumps(body).encode()) == heard


@pytest.mark.parametrize("name", DIALECTS.own)
@pytest.mark.parametrize("code", ["x" * 81, "Incorrect API key provided: sk-planted", "", None, ["a"], 1.5])
def test_what_is_no_word_is_no_code(name: str, code: object) -> None:
    """A sentence in its place may quote a key, and a long one fill the disk."""
    error = {"code": code, "type": code, "status": code, "message": "m"}
    assert DIALECTS[name].read_body(500, json.dumps({"error": error}).encode()).error_code is None
