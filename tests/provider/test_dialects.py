"""What providers say when they are well, and whom they do not understand."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.answer import Call
from harness.provider.marker import find_attempts
from harness.provider.reply import End, Head, Wait
from harness.provider.respond import parse, respond
from harness.quantities import MS
from tests.provider.exchange import (
    ATTEMPT,
    IN_ADDRESS,
    REQUEST_IDS,
    WAYS,
    ask,
    body,
    data_of,
    format_of,
    head,
    headers,
    message_of,
    provider,
    readable,
    said,
    sends,
    sent,
    split,
    text_of,
    waited_ns,
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_text_sent_is_the_text_meant(way: str, stream: bool) -> None:
    """The pieces that the sends carry, the text on record and its hash are one and the same."""
    answer = ask(way, {"tokens": 7}, stream=stream)
    carried = "".join(send.text for send in sends(answer))
    assert carried == answer.text
    assert answer.text_sha256 == hashlib.sha256(carried.encode()).hexdigest()
    assert find_attempts(carried) == (ATTEMPT,)
    assert (answer.tokens_in, answer.tokens_out) == (10, 7)
    assert isinstance(answer.reply[-1], End)
    if not stream:
        assert text_of(way, said(answer)) == carried
        assert headers(answer)["content-length"] == str(len(sent(answer)))


@pytest.mark.parametrize("way", WAYS)
def test_one_content_event_is_one_token(way: str) -> None:
    """A stream has as many sends with text as tokens, each of which is one event of the wire format."""
    answer = ask(way, {"tokens": 5}, stream=True)
    tokens = [send for send in sends(answer) if send.text]
    assert len(tokens) == answer.tokens_out == 5
    for token in tokens:
        assert split(token.data) == [token.data]
        assert token.text in readable(token.data)
        assert token.part == ""


@pytest.mark.parametrize("way", WAYS)
def test_every_event_of_a_stream_is_json_and_says_what_it_is(way: str) -> None:
    """All data lines parse but for `[DONE]`; what ends a stream comes one event at a time, each with its part."""
    answer = ask(way, stream=True)
    assert list(data_of(split(sent(answer))))
    last = max(place for place, send in enumerate(sends(answer)) if send.text)
    closing = sends(answer)[last + 1 :]
    assert [split(send.data) == [send.data] for send in closing] == [True] * len(closing)
    assert "finish" in {send.part for send in closing}
    done = {send.data for send in closing if send.part == "done"}
    without = ("gemini", "responses", "bedrock", "ollama", "ollama_chat")
    assert len(done) == (0 if format_of(way) in without else 1)
    assert (done == {b"data: [DONE]\n\n"}) == (format_of(way) not in (*without, "anthropic"))


@pytest.mark.parametrize("way", WAYS)
def test_both_ways_of_answering_take_the_same_time(way: str) -> None:
    """A whole answer comes when a stream's last token would; nothing leaves before the first token."""
    reply = {"ttft": 300 * MS, "tokens": 9, "tokens_per_second": 80}
    plain, stream = ask(way, reply), ask(way, reply, stream=True)
    assert waited_ns(plain) == waited_ns(stream) == 300 * MS + 8 * 12_500_000
    assert plain.reply[0] == Wait(400 * MS)
    assert stream.reply[0] == Wait(300 * MS)
    assert isinstance(stream.reply[1], Head)


@pytest.mark.parametrize("way", WAYS)
def test_without_a_speed_all_tokens_come_at_once(way: str) -> None:
    """`tokens_per_second: 0` leaves the first wait alone."""
    reply = {"ttft": 5 * MS, "tokens": 9, "tokens_per_second": 0}
    assert waited_ns(ask(way, reply)) == waited_ns(ask(way, reply, stream=True)) == 5 * MS


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_ends_at_the_callers_limit(way: str, stream: bool) -> None:
    """A limit of tokens shortens the text, and the finish reason names it."""
    reasons = {"gemini": "MAX_TOKENS", "cohere": "MAX_TOKENS", "responses": "max_output_tokens"}
    reason = reasons.get(format_of(way), "max_tokens" if format_of(way) in ("anthropic", "bedrock") else "length")
    limited = ask(way, {"tokens": 9}, stream=stream, max_tokens=3)
    assert limited.tokens_out == 3
    assert f'"{reason}"' in readable(sent(limited)).replace('"max_output_tokens":', "")
    whole = ask(way, {"tokens": 9}, stream=stream, max_tokens=9)
    assert f'"{reason}"' not in readable(sent(whole)).replace('"max_output_tokens":', "")


@pytest.mark.parametrize("way", [way for way in WAYS if not way.startswith("ollama")])
@pytest.mark.parametrize("stream", [False, True])
def test_every_answer_has_a_request_id(way: str, stream: bool) -> None:
    """By which a provider's support would find it."""
    assert REQUEST_IDS & set(headers(ask(way, stream=stream)))


@pytest.mark.parametrize(
    ("way", "method", "path"),
    [
        ("openai", "POST", "/v1/messages"),
        ("openai", "GET", "/v1/chat/completions"),
        ("azure", "POST", "/v1/chat/completions"),
        ("azure", "POST", "/openai/deployments//chat/completions"),
        ("anthropic", "POST", "/v1/chat/completions"),
        ("gemini", "POST", "/v1beta/models/gemini-pro:countTokens"),
        ("gemini", "GET", WAYS["gemini"]),
        ("openrouter", "POST", "/chat/completions"),
        ("deepseek", "POST", "/v2/chat/completions"),
        ("bedrock", "POST", "/model/gpt-4/count-tokens"),
        ("bedrock", "POST", "/model//converse"),
        ("bedrock", "GET", WAYS["bedrock"]),
        ("cohere", "POST", "/v1/generate"),
        ("vertex_ai", "POST", "/v1/projects/p/locations/l/publishers/google/models/gpt-4:countTokens"),
        ("vertex_ai", "POST", "/v1/messages"),
        ("vertex_ai", "GET", WAYS["vertex_ai"]),
        ("ollama", "POST", "/api/chat"),
        ("ollama_chat", "POST", "/api/show"),
    ],
)
def test_an_unknown_address_is_the_providers_own_404(way: str, method: str, path: str) -> None:
    """A call to a wrong path gets that provider's own error."""
    spec = provider(way)
    answer = respond(spec, parse(spec, method, path, body(way)), ATTEMPT)
    assert head(answer).status == 404
    assert message_of(answer)


@pytest.mark.parametrize(
    ("way", "path"),
    [
        ("openai", "/chat/completions"),
        ("openai", "/v1/chat/completions?x=1"),
        ("responses", "/responses"),
        ("azure", "/openai/v1/chat/completions"),
        ("responses", "/v1/responses?x=1"),
        ("gemini", "/v1/models/gpt-4:generateContent"),
        ("gemini", "/models/gpt-4:generateContent"),
        ("gemini", "/v1beta/models/gpt-4:generateContent?key=1"),
        ("openrouter", "/v1/chat/completions"),
        ("deepseek", "/v1/chat/completions"),
        ("deepseek", "/beta/chat/completions"),
        ("bedrock-invoke", "/model/gpt-4/invoke?x=1"),
        ("vertex_ai", "/v1beta1/publishers/google/models/gpt-4:generateContent"),
        ("vertex_ai", "/v1/projects/p/locations/l/endpoints/gpt-4:generateContent"),
        ("vertex_ai-claude", "/projects/p/locations/l/publishers/anthropic/models/gpt-4:rawPredict"),
    ],
)
def test_the_other_addresses_of_a_provider_are_served_too(way: str, path: str) -> None:
    """Clients differ in what they take for the base of an address."""
    call = parse(provider(way), "POST", path, body(way, max_tokens=5))
    assert (call.problem, call.model, call.max_tokens) == (None, "gpt-4", 5)


@pytest.mark.parametrize("way", WAYS)
@given(garbage=st.binary(max_size=200))
def test_garbage_is_the_providers_own_400(way: str, garbage: bytes) -> None:
    """Bytes that are no call are refused, never a crash."""
    spec = provider(way)
    answer = respond(spec, parse(spec, "POST", WAYS[way], garbage), ATTEMPT)
    assert head(answer).status == (422 if way == "deepseek" else 400)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000,
        b'{"model": "gpt-4", "messages": "hi"}',
        b'{"model": "gpt-4"}',
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_calls_that_cannot_be_meant_are_refused(way: str, raw: bytes) -> None:
    """Nesting without end, prompts that are missing or of the wrong shape."""
    assert parse(provider(way), "POST", WAYS[way], raw).problem == "invalid_request"


@pytest.mark.parametrize("name", ["x" * 301, "\ud800", "a\nb", "", None, 7])
@pytest.mark.parametrize("way", [way for way in WAYS if way not in IN_ADDRESS])
def test_models_that_no_record_could_hold_are_refused(way: str, name: Any) -> None:
    """Names without end, without signs or of signs that cannot be written down."""
    raw = json.dumps({"model": name, "messages": [], "input": []}).encode()
    assert parse(provider(way), "POST", WAYS[way], raw).problem == "invalid_request"


_FIELDS = ["max_tokens", "max_output_tokens", "stream", "stream_options", "system", "instructions", "messages", "input"]
_INNER = ["content", "text", "parts", "include_usage", "maxOutputTokens", "num_predict"]


@pytest.mark.parametrize("way", WAYS)
@given(
    fields=st.dictionaries(
        st.sampled_from([*_FIELDS, "contents", "systemInstruction", "generationConfig", "prompt", "options"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_INNER), inner, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_fields_of_any_shape_are_survived(way: str, fields: dict[str, Any]) -> None:
    """A field of the wrong type is refused or left out, never a crash."""
    spec = provider(way)
    call = parse(spec, "POST", WAYS[way], json.dumps({"model": "m", "messages": [], **fields}).encode())
    assert head(respond(spec, call, ATTEMPT)).status in (200, 400, 422)


@given(name=st.text(min_size=1, max_size=200).filter(str.isprintable), stream=st.booleans())
def test_any_printable_model_name_is_echoed(name: str, stream: bool) -> None:
    """Names with quotes or signs of any script come back as they were."""
    answer = ask("openai", model=name, stream=stream)
    event = next(data_of(split(sent(answer)))) if stream else said(answer)
    assert event["model"] == name


@given(number=st.integers(1, 10**6), tokens=st.integers(1, 300), way=st.sampled_from(sorted(WAYS)))
def test_the_same_attempt_says_the_same(number: int, tokens: int, way: str) -> None:
    """A provider has no memory and no dice: an attempt's answer follows from its name alone."""
    spec = provider(way, tokens=tokens)
    api = {"responses": "responses", "bedrock-invoke": "anthropic", "vertex_ai-claude": "anthropic"}.get(way, "")
    call = Call(model="gpt-4", prompt_tokens=3, api=api)
    first, again = (respond(spec, call, f"req-{number:06d}.openai.1") for _ in range(2))
    other = respond(spec, call, f"req-{number:06d}.openai.2")
    assert first == again
    assert first.text_sha256 != other.text_sha256
