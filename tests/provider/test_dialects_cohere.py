"""Cohere's own: two versions of bodies, streams as events and as lines of JSON, and errors without a code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.provider.answer import Answer, Call, Delay, ParsedBody, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse, respond
from harness.quantities import S
from tests.provider.exchange import ATTEMPT, head, headers, provider, refuse, said, sends, sent

COHERE = DIALECTS["cohere"]
HELLO = {"messages": [{"role": "user", "content": "x" * 40}], "model": "command-r"}
FIRST = {"message": "x" * 40, "model": "command-r"}
JSON = "application/json"


def call_of(body: dict[str, Any], path: str = "/v2/chat", accept: str = "*/*") -> Call:
    """Return a call as the dialect reads it."""
    return parse(provider("cohere"), "POST", path, json.dumps(body).encode(), accept)


def streamed(body: dict[str, Any], accept: str) -> Answer:
    """Return a healthy stream of three tokens."""
    return respond(provider("cohere", tokens=3), call_of({**body, "stream": True}, accept=accept), ATTEMPT)


def kinds(events: list[bytes]) -> list[str]:
    """Return the kinds of a stream's lines."""
    return [data.get("type") or data["event_type"] for data in map(json.loads, events)]


def test_a_stream_is_events_with_a_kind_each() -> None:
    """And `[DONE]`, which a client of the second version gets that does not ask for JSON alone."""
    answer = streamed(HELLO, "*/*")
    assert headers(answer)["content-type"].startswith("text/event-stream")
    names = [line[7:] for line in sent(answer).decode().splitlines() if line.startswith("event: ")]
    assert names == ["message-start", "content-start", *["content-delta"] * 3, "content-end", "message-end"]
    assert sends(answer)[-1].data == b"data: [DONE]\n\n"


@pytest.mark.parametrize("body", [HELLO, FIRST], ids=["second", "first"])
def test_a_client_that_accepts_json_alone_gets_lines(body: dict[str, Any]) -> None:
    """One object each, without `[DONE]`, and each is read as it was meant."""
    answer = streamed(body, JSON)
    assert headers(answer)["content-type"] == "application/stream+json"
    events = COHERE.framing.events(sent(answer))
    assert all(event.endswith(b"}\n") and COHERE.framing.is_event(event) for event in events)
    assert kinds(events)[-1] == ("stream-end" if body is FIRST else "message-end")
    assert "".join(COHERE.read_event(event).text for event in events) == answer.text
    for send in sends(answer):
        for event in COHERE.framing.events(send.data):
            assert (COHERE.read_event(event).text, COHERE.read_event(event).part) == (send.text, send.part)
    assert [found for event in events if (found := COHERE.read_finish(event))] == ["stop"]
    assert COHERE.read_usage(events[-1]) == (10, 3)
    assert COHERE.read_usage(COHERE.without_usage(events[-1])) == (None, None)
    assert COHERE.read_finish(COHERE.filtered(events[-1])) == "content_filter"
    assert COHERE.filtered(events[1]) == events[1]
    assert not COHERE.framing.is_event(COHERE.framing.broken(events[1]))
    assert COHERE.read_event(COHERE.emptied(events[-1])).part == "finish"
    assert (answer.text or "").encode() not in COHERE.emptied(events[-1])


def test_the_first_version_streams_events_to_whom_asks_for_them() -> None:
    """Lines are its default."""
    assert headers(streamed(FIRST, "*/*"))["content-type"] == "application/stream+json"
    answer = streamed(FIRST, "text/event-stream")
    assert sent(answer).startswith(b"event: stream-start\ndata: {")
    events = COHERE.framing.events(sent(answer))
    assert "".join(COHERE.read_event(event).text for event in events) == answer.text


@pytest.mark.parametrize("at", [1, 3, 7, 50])
def test_events_and_lines_are_told_apart_wherever_the_bytes_are_divided(at: int) -> None:
    """A keepalive is a line of JSON, between events too, whose clients ignore it as a field that they do not know."""
    pieces = [b"event: a\ndata: {}\n\n", *[COHERE.keepalive] * 2, b'data: {"b":1}\n\n', b'{"c":1}\n']
    raw = b"".join(pieces) + b"data: x"
    rest = b""
    found: list[bytes] = []
    for begin in range(0, len(raw), at):
        events, rest = COHERE.framing.split(rest, raw[begin : begin + at])
        found += events
    assert (found, rest) == (pieces, b"data: x")


def test_the_first_versions_call_is_a_message_and_what_was_said_before() -> None:
    """LiteLLM names no model in it."""
    history = [{"role": "USER", "message": "x" * 20}, {"role": "CHATBOT", "message": "x" * 20}]
    call = call_of({**FIRST, "chat_history": history, "preamble": "x" * 40, "max_tokens": 3}, "/v1/chat?x=1")
    assert (call.problem, call.model, call.max_tokens, call.prompt_tokens) == (None, "command-r", 3, 30)
    unnamed = call_of({"message": "hi"}, "/v1/chat")
    assert (unnamed.problem, unnamed.model, unnamed.api) == (None, None, "v1")
    assert call_of({"message": "hi", "model": 7}).problem == "invalid_request"


def test_the_first_versions_answer_is_read_as_it_was_meant() -> None:
    """Its text is at the top, and its usage under `meta`."""
    answer = respond(provider("cohere", tokens=4), call_of(FIRST), ATTEMPT)
    assert said(answer)["finish_reason"] == "COMPLETE"
    assert COHERE.read_body(200, sent(answer)) == ParsedBody(answer.text or "", 10, 4, finish="stop")


def test_what_is_billed_counts() -> None:
    """`tokens` include what Cohere adds to a prompt."""
    usage = {
        "billed_units": {"input_tokens": 5, "output_tokens": 9},
        "tokens": {"input_tokens": 71, "output_tokens": 9},
    }
    data = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}
    assert COHERE.read_usage(b"data: " + json.dumps(data).encode() + b"\n\n") == (5, 9)
    assert (
        COHERE.read_body(200, json.dumps({"message": {}, "usage": {"tokens": usage["tokens"]}}).encode()).tokens_in
        == 71
    )


def test_an_error_is_a_message_and_an_id() -> None:
    """Neither an error's body nor an answer that is one has a code."""
    answer = refuse("cohere", "quota", delay=Delay(7 * S))
    assert (head(answer).status, headers(answer)["retry-after"], answer.error_code) == (429, "7", None)
    assert "1000 API calls / month" in said(answer)["message"]
    assert head(refuse("cohere", "content_filter")).status == 498
    assert COHERE.read_body(200, sent(answer)) == ParsedBody()
    assert not COHERE.is_answer(sent(answer))


@pytest.mark.parametrize("body", [HELLO, FIRST], ids=["second", "first"])
@pytest.mark.parametrize("accept", ["*/*", JSON])
def test_a_stream_ends_in_an_error_as_its_client_reads_streams(body: dict[str, Any], accept: str) -> None:
    """Both versions name it as the reason of the end, which is no end of the answer's own."""
    call = call_of({**body, "stream": True}, accept=accept)
    event = COHERE.error_event(Refusal(call, ATTEMPT, problem="overloaded"))
    assert COHERE.framing.events(event) == [event]
    assert (event[:1] == b"{") == (accept == JSON or body is FIRST)
    assert COHERE.read_error(event) == ParsedBody()
    assert COHERE.read_event(event).part == ""
    assert (b"overloaded" in event) == (body is HELLO)
    assert b'"finish_reason":"ERROR"' in event


def test_what_is_left_of_a_trial_keys_calls_is_sent() -> None:
    """Nothing of tokens."""
    names = ("x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining")
    assert COHERE.quota_headers(Quota(Level(60, 12, 1), None), 0) == tuple(zip(names, ("60", "12"), strict=True))
    assert COHERE.quota_headers(Quota(None, Level(60, 12, 1)), 0) == ()


@pytest.mark.parametrize("name", ["command-r", "v1/command-r", "v2/command-r"])
def test_litellms_versions_are_no_part_of_a_model(name: str) -> None:
    """They choose the version of the API."""
    assert COHERE.litellm is not None
    assert COHERE.litellm.model(name) == "command-r"
    assert COHERE.litellm.providers == ("cohere_chat", "cohere")
