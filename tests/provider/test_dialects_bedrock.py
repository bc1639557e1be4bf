"""Bedrock's own: the model in the address, AWS's errors, Converse, and the bodies that InvokeModel takes and returns."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any
from urllib.parse import quote

import pytest

from harness.provider.answer import Call, Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.aws_events import read
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse, respond
from harness.quantities import S
from tests.provider.exchange import ATTEMPT, CALL, PRESETS, head, headers, provider, refuse, said, sends, sent, split

BEDROCK = DIALECTS["bedrock"]
PROFILE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = f"arn:aws:bedrock:eu-central-1:123456789012:inference-profile/{PROFILE}"
HELLO = [{"role": "user", "content": "x" * 40}]
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "x" * 40}]}]}
IN_STREAM = {
    "throttlingException",
    "modelStreamErrorException",
    "internalServerException",
    "serviceUnavailableException",
    "validationException",
}

INVOKED: dict[str, tuple[str, dict[str, Any], str, dict[str, Any]]] = {
    "anthropic": (
        PROFILE,
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 3, "messages": HELLO},
        "content.0.text",
        {"stop_reason": "max_tokens"},
    ),
    "openai": (
        "moonshotai.kimi-k2-thinking",
        {"max_tokens": 3, "messages": HELLO},
        "choices.0.message.content",
        {"object": "chat.completion"},
    ),
    "nova": (
        "us.amazon.nova-lite-v1:0",
        {"inferenceConfig": {"max_new_tokens": 3}, **CONVERSE},
        "output.message.content.0.text",
        {"stopReason": "max_tokens"},
    ),
    "llama": (
        "meta.llama2-13b-chat-v1",
        {"max_gen_len": 3, "prompt": "x" * 40},
        "generation",
        {"stop_reason": "length", "prompt_token_count": 10, "generation_token_count": 3},
    ),
    "mistral": (
        "mistral.mistral-7b-instruct-v0:2",
        {"max_tokens": 3, "prompt": "x" * 40},
        "outputs.0.text",
        {},
    ),
    "titan": (
        "amazon.titan-text-express-v1",
        {"textGenerationConfig": {"maxTokenCount": 3}, "inputText": "x" * 40},
        "results.0.outputText",
        {"inputTextTokenCount": 10},
    ),
    "cohere": ("cohere.command-text-v14", {"max_tokens": 3, "prompt": "x" * 40}, "generations.0.text", {}),
    "claude-2": (
        "anthropic.claude-v2:1",
        {"max_tokens_to_sample": 3, "prompt": "x" * 40},
        "completion",
        {"stop_reason": "max_tokens"},
    ),
}
"""By format: a model, a call, where the answer's text is, and other fields of the answer."""


def call_of(path: str, body: dict[str, Any], method: str = "POST") -> Call:
    """Return a call as the dialect reads it."""
    return parse(provider("bedrock"), method, path, json.dumps(body).encode())


def at(data: Any, place: str) -> Any:
    """Return what is at a place such as `content.0.text`."""
    for step in place.split("."):
        data = data[int(step) if step.isdecimal() else step]
    return data


def kinds(raw: bytes) -> list[str]:
    """Return the kinds of a stream's events."""
    return [event.headers[":event-type"] for event in map(read, split(raw)) if event is not None]


@pytest.mark.parametrize("model", [PROFILE, ARN, "anthropic.claude-3-haiku-20240307-v1:0:200k", "a/b:c d"])
@pytest.mark.parametrize("escape", [quote, lambda name: quote(name, safe=":/"), lambda name: quote(name, safe="")])
@pytest.mark.parametrize(("how", "streaming"), [("converse", False), ("converse-stream", True)])
def test_the_address_names_the_model(model: str, escape: Any, how: str, streaming: bool) -> None:
    """Colons and slashes are part of it, whether a client escapes them or not."""
    call = call_of(f"/model/{escape(model)}/{how}", CONVERSE)
    assert (call.problem, call.model, call.streaming) == (None, model, streaming)


def test_a_signature_is_taken_and_the_region_is_not_read() -> None:
    """A call is its method, path and body; who signed it where is in headers alone."""
    assert call_of("/model/m/converse", CONVERSE).prompt_tokens == 10
    assert BEDROCK.authorize("k") == ("authorization", "Bearer k")


def test_a_converse_stream_has_its_events_in_order() -> None:
    """The reason comes before the usage, and nothing says that it is over."""
    answer = respond(provider("bedrock", tokens=3), call_of("/model/m/converse-stream", CONVERSE), ATTEMPT)
    assert headers(answer)["content-type"] == "application/vnd.amazon.eventstream"
    ends = ["contentBlockStop", "messageStop", "metadata"]
    assert kinds(sent(answer)) == ["messageStart", *["contentBlockDelta"] * 3, *ends]
    assert [send.part for send in sends(answer)][-3:] == ["", "finish", "usage"]


@pytest.mark.parametrize("api", INVOKED)
def test_each_maker_has_its_own_bodies(api: str) -> None:
    """InvokeModel's answer has the text where that maker's models have it, and the usage in headers too."""
    model, body, place, fields = INVOKED[api]
    call = call_of(f"/model/{quote(model, safe='')}/invoke", body)
    assert (call.problem, call.api, call.model) == (None, api, model)
    assert (call.max_tokens, call.prompt_tokens, call.streaming) == (3, 10, False)
    answer = respond(provider("bedrock"), call, ATTEMPT)
    data = said(answer)
    assert at(data, place) == answer.text
    assert fields.items() <= data.items()
    counts = [headers(answer)[f"x-amzn-bedrock-{name}-token-count"] for name in ("input", "output")]
    assert counts == ["10", "3"]
    read = BEDROCK.read_body(200, sent(answer))
    assert (read.text, read.finish) == (answer.text, "length")


@pytest.mark.parametrize("api", INVOKED)
def test_each_maker_has_its_own_events(api: str) -> None:
    """All are chunks of base64, the last with Bedrock's own metrics, and each is read as it was meant."""
    model, body, _place, _fields = INVOKED[api]
    call = call_of(f"/model/{quote(model, safe='')}/invoke-with-response-stream", body)
    answer = respond(provider("bedrock"), call, ATTEMPT)
    assert set(kinds(sent(answer))) == {"chunk"}
    events = split(sent(answer))
    assert "".join(BEDROCK.read_event(event).text for event in events) == answer.text
    for send in sends(answer):
        for event in split(send.data):
            assert (BEDROCK.read_event(event).text, BEDROCK.read_event(event).part) == (send.text, send.part)
    assert [BEDROCK.read_finish(event) for event in events if BEDROCK.read_finish(event)] == ["length"]
    assert BEDROCK.read_usage(events[-1]) == (10, 3)
    last = read(events[-1])
    assert last is not None
    assert b"amazon-bedrock-invocationMetrics" in b64decode(json.loads(last.payload)["bytes"])


@pytest.mark.parametrize("api", INVOKED)
def test_each_makers_end_can_be_changed(api: str) -> None:
    """It names the content filter, has no usage, and says no text."""
    model, body, _place, _fields = INVOKED[api]
    call = call_of(f"/model/{quote(model, safe='')}/invoke-with-response-stream", body)
    events = split(sent(respond(provider("bedrock"), call, ATTEMPT)))
    (end,) = [event for event in events if BEDROCK.read_event(event).part == "finish"]
    assert BEDROCK.read_finish(BEDROCK.filtered(end)) == "content_filter"
    assert BEDROCK.read_event(BEDROCK.emptied(end)).part == "finish"
    assert all(BEDROCK.read_usage(BEDROCK.without_usage(event)) == (None, None) for event in events)
    token = next(event for event in events if BEDROCK.read_event(event).text)
    assert BEDROCK.filtered(token) == token


@pytest.mark.parametrize("problem", PRESETS)
def test_an_error_in_a_stream_is_an_exception_of_a_kind_that_streams_have(problem: Any) -> None:
    """Its message is that of the plain error."""
    event = read(BEDROCK.error_event(Refusal(CALL, ATTEMPT, problem=problem)))
    assert event is not None
    assert event.headers[":message-type"] == "exception"
    assert event.headers[":exception-type"] in IN_STREAM
    assert json.loads(event.payload) == said(refuse("bedrock", problem))


def test_an_errors_type_is_in_a_header_alone() -> None:
    """With the suffix that AWS sends, which no client reads."""
    answer = refuse("bedrock", "rate_limit", delay=Delay(7 * S))
    assert headers(answer)["x-amzn-errortype"].startswith("ThrottlingException:http")
    assert said(answer) == {"message": "Too many requests, please wait before trying again."}
    assert headers(answer)["retry-after"] == "7"
    parsed = BEDROCK.with_code(BEDROCK.read_body(429, sent(answer)), head(answer).headers)
    assert parsed.error_code == "ThrottlingException"


def test_bodies_as_aws_sends_them() -> None:
    """Other services of AWS's spell the message with a capital, or name the type in the body."""
    body = json.dumps({"__type": "com.amazon.coral.service#UnrecognizedClientException", "Message": "no"}).encode()
    assert BEDROCK.read_body(403, body).error_code == "UnrecognizedClientException"
    assert not BEDROCK.is_answer(body)
    assert not BEDROCK.is_answer(b'{"message": "Too many requests"}')


def test_limits_are_sent_in_no_header() -> None:
    """Bedrock has none for them."""
    assert BEDROCK.quota_headers(Quota(Level(1, 1, 1), Level(1, 1, 1)), 0) == ()


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (PROFILE, PROFILE),
        (f"converse/{PROFILE}", PROFILE),
        (f"invoke/{PROFILE}", PROFILE),
        (f"us-gov-west-1/{PROFILE}", PROFILE),
        (f"converse/eu-central-1/{PROFILE}", PROFILE),
        (ARN, ARN),
        (f"converse/{ARN}", ARN),
        ("xx-nowhere-9/m", "m"),
        ("nova/arn:aws:bedrock:us-east-1:1:custom-model/m", "arn:aws:bedrock:us-east-1:1:custom-model/m"),
    ],
)
def test_litellms_routes_and_regions_are_no_part_of_a_model(name: str, model: str) -> None:
    """LiteLLM puts them before a model, and leaves them out of the address."""
    assert BEDROCK.litellm is not None
    assert BEDROCK.litellm.model(name) == model
