"""Anthropic's messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, Delay, ParsedBody, Problem
from harness.provider.dialects import calls, common, delays, wire
from harness.provider.dialects.common import Events, Said, quoted
from harness.provider.dialects.delays import NOTHING, Told
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider

BASE_PATH = ""
KEEPALIVE = b'event: ping\ndata: {"type":"ping"}\n\n'

_PATH = "/v1/messages"
_ORGANIZATION = ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000")
_RETRYABLE = frozenset({408, 409, 429})
_STATUS: dict[Problem, int] = {"quota": 402, "overloaded": 529}
_SPEND_LIMIT = "enforced_spend_limit_reached"

# What is wrong: type, message.
_ERRORS: dict[Problem, tuple[str, str]] = {
    "rate_limit": ("rate_limit_error", "This request would exceed your organization's rate limit."),
    "quota": (
        "billing_error",
        (
            "Your credit balance is too low to access the Anthropic API. "
            "Please go to Plans & Billing to upgrade or purchase credits."
        ),
    ),
    "spend_limit": ("rate_limit_error", "Your organization has reached its enforced monthly spend limit."),
    "overloaded": ("overloaded_error", "Overloaded"),
    "server_error": ("api_error", "Internal server error"),
    "unavailable": ("api_error", "Service unavailable"),
    "timeout": ("timeout_error", "Request timed out"),
    "context_length": ("invalid_request_error", "prompt is too long: 200345 tokens > 200000 maximum"),
    "content_filter": ("invalid_request_error", "Output blocked by content filtering policy"),
    "invalid_request": ("invalid_request_error", "The request body is not valid JSON with `model` and `messages`."),
    "auth": ("authentication_error", "invalid x-api-key"),
    "permission": ("permission_error", "Your API key does not have permission to use the specified resource."),
    "not_found": ("not_found_error", "model: {model}"),
    "too_large": ("request_too_large", "Request exceeds the maximum size"),
    "unknown_path": ("not_found_error", "Not Found"),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`."""
    if method != "POST" or path.partition("?")[0] != _PATH:
        return Call(problem="unknown_path")
    return calls.read(body)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    spec = provider.reply
    said = common.say(spec, call, attempt_id)
    model = call.model or provider.model
    headers = (("request-id", f"req_{said.sha256[:24]}"), _ORGANIZATION)
    if not call.streaming:
        return common.plain(spec, said, call, headers, _message(model, said, call))
    return common.stream(spec, said, call, headers, _events(model, attempt_id, said, call))


def _stop(said: Said) -> str:
    return "end_turn" if said.finish else "max_tokens"


def _message(model: str, said: Said, call: Call) -> bytes:
    return (
        f'{{"id":"msg_{said.sha256[:24]}","type":"message","role":"assistant","model":{quoted(model)},'
        f'"content":[{{"type":"text","text":"{said.text}"}}],"stop_reason":"{_stop(said)}","stop_sequence":null,'
        f'"usage":{{"input_tokens":{call.prompt_tokens},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        f'"output_tokens":{said.tokens},"service_tier":"standard"}}}}'
    ).encode()


def _events(model: str, attempt_id: str, said: Said, call: Call) -> Events:
    opening = (
        f'event: message_start\ndata: {{"type":"message_start","message":{{"id":"msg_{said.sha256[:24]}",'
        f'"type":"message","role":"assistant","model":{quoted(model)},"content":[],"stop_reason":null,'
        f'"stop_sequence":null,"usage":{{"input_tokens":{call.prompt_tokens},"cache_creation_input_tokens":0,'
        '"cache_read_input_tokens":0,"output_tokens":1,"service_tier":"standard"}}}\n\n'
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n'
        'event: ping\ndata: {"type":"ping"}\n\n'
    )
    before = (
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"'
    )
    after = '"}}\n\n'
    closing = [
        Send(b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'),
        Send(
            (
                f'event: message_delta\ndata: {{"type":"message_delta","delta":{{"stop_reason":"{_stop(said)}",'
                f'"stop_sequence":null}},"usage":{{"output_tokens":{said.tokens}}}}}\n\n'
            ).encode(),
            part="finish",
        ),
        Send(b'event: message_stop\ndata: {"type":"message_stop"}\n\n', part="done"),
    ]
    tokens = common.tokens_of(attempt_id, said, before.encode(), after.encode())
    return Events(opening.encode(), tokens, closing)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`. How long a spend limit lasts is never told."""
    status, problem = common.failing(status, problem, _STATUS)
    told = delays.tell(None if problem == "spend_limit" else delay, "seconds")
    request_id = _request_id(attempt_id)
    again = problem != "spend_limit" and (status in _RETRYABLE or status >= 500)
    headers = (
        ("request-id", request_id),
        _ORGANIZATION,
        ("x-should-retry", "true" if again else "false"),
        *told.headers,
    )
    return Answer(
        reply=common.failure(status, headers, _error(call, problem, request_id, told)),
        error_code=_SPEND_LIMIT if problem == "spend_limit" else _ERRORS[problem][0],
        retry_after_ns=told.ns,
    )


def _request_id(attempt_id: str) -> str:
    return f"req_{common.name(attempt_id, 'error')[:24]}"


def _error(call: Call, problem: Problem, request_id: str, told: Told) -> dict[str, Any]:
    kind, message = _ERRORS[problem]
    error = {
        "details": {"error_code": _SPEND_LIMIT} if problem == "spend_limit" else None,
        "type": kind,
        "message": delays.with_words(message.replace("{model}", call.model or "unknown"), told),
    }
    return {"type": "error", "error": error, "request_id": request_id}


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    body = _error(call, problem, _request_id(attempt_id), NOTHING)
    return b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter; see `Dialect`."""
    data = wire.data_of(event)
    delta = wire.as_object(data.get("delta"))
    if not delta.get("stop_reason"):
        return event
    return wire.with_data(event, {**data, "delta": {**delta, "stop_reason": "refusal"}})


def emptied(event: bytes) -> bytes:
    """Return an end as it is: text never stands in one; see `Dialect`."""
    return event


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; see `Dialect`."""
    return wire.without(event, "usage", "message")


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits; see `Dialect`. They are full again at a time, in whole seconds."""
    headers: list[tuple[str, str]] = []
    for name, level in (("requests", quota.requests), ("tokens", quota.tokens)):
        if level is not None:
            reset = datetime.fromtimestamp(-(-(wall_ns + level.reset_ns) // delays.S), UTC)
            head = f"anthropic-ratelimit-{name}"
            headers += [
                (f"{head}-limit", str(level.limit)),
                (f"{head}-remaining", str(level.remaining)),
                (f"{head}-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ")),
            ]
    return tuple(headers)


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key; see `Dialect`."""
    return ("x-api-key", key)


def read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is; see `Dialect`."""
    data = wire.data_of(event)
    kind = data.get("type")
    if kind == "content_block_delta":
        return Send(event, wire.text_of(wire.as_object(data.get("delta")).get("text")))
    return Send(event, part="finish" if kind == "message_delta" else "done" if kind == "message_stop" else "")


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return what a real plain answer says; see `Dialect`."""
    data = wire.as_object(wire.load(body))
    if not is_success(status) or data.get("error"):
        error = wire.as_object(data.get("error"))
        code = wire.code_of(wire.as_object(error.get("details")).get("error_code"), error.get("type"))
        return ParsedBody(error_code=code, retry_after_ns=delays.in_words(error.get("message")))
    usage = wire.as_object(data.get("usage"))
    return ParsedBody(
        wire.text_of([part for part in wire.objects(data.get("content")) if part.get("type") == "text"]),
        wire.count_of(usage.get("input_tokens")),
        wire.count_of(usage.get("output_tokens")),
        finish=wire.word_of(data.get("stop_reason")),
    )
