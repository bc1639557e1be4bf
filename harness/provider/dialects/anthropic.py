"""Anthropic's messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from harness.chain import Provider
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Delay, Heard, Problem
from harness.provider.dialects import common
from harness.provider.dialects.common import Said
from harness.provider.dialects.openai import quoted
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send

BASE_PATH = ""
KEEPALIVE = b'event: ping\ndata: {"type":"ping"}\n\n'

_PATH = "/v1/messages"
_RETRYABLE = frozenset({408, 409, 429})

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
    "not_found": ("not_found_error", "The requested model could not be found."),
    "too_large": ("request_too_large", "Request exceeds the maximum size"),
    "unknown_path": ("not_found_error", "Not Found"),
}
_SPEND_LIMIT = "enforced_spend_limit_reached"


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`."""
    if method != "POST" or path.partition("?")[0] != _PATH:
        return Call(problem="unknown_path")
    return common.read(body)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    spec = provider.reply
    said = common.say(spec, call, attempt_id)
    model = call.model or provider.model
    request_id = ("request-id", f"req_{said.sha256[:24]}")
    if call.streaming:
        opening, before, after, closing = _events(model, said, call)
        tokens = [Send(before + piece.encode() + after, piece) for piece in mocked.pieces(attempt_id, said.tokens)]
        kind = ("content-type", "text/event-stream; charset=utf-8")
        reply = common.stream(spec, (kind, request_id), opening, tokens, closing)
    else:
        headers = (("content-type", "application/json"), request_id)
        reply = common.plain(spec, said.tokens, headers, _message(model, said, call), said.text)
    return Answer(
        reply=reply,
        text=said.text,
        text_sha256=said.sha256,
        tokens_in=call.prompt_tokens,
        tokens_out=said.tokens,
    )


def _stop(said: Said) -> str:
    return "end_turn" if said.finish else "max_tokens"


def _message(model: str, said: Said, call: Call) -> bytes:
    return (
        f'{{"id":"msg_{said.sha256[:24]}","type":"message","role":"assistant","model":{quoted(model)},'
        f'"content":[{{"type":"text","text":"{said.text}"}}],"stop_reason":"{_stop(said)}","stop_sequence":null,'
        f'"usage":{{"input_tokens":{call.prompt_tokens},"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        f'"output_tokens":{said.tokens},"service_tier":"standard"}}}}'
    ).encode()


def _events(model: str, said: Said, call: Call) -> tuple[bytes, bytes, bytes, list[Send]]:
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
    return opening.encode(), before.encode(), after.encode(), closing


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`."""
    del call
    if problem is None:
        problem = common.usual(status or 500)
    if status is None:
        status = 402 if problem == "quota" else 529 if problem == "overloaded" else common.STATUS[problem]
    request_id = f"req_{common.name(attempt_id, 'error')[:24]}"
    body = _error(problem, request_id)
    again = problem != "spend_limit" and (status in _RETRYABLE or status >= 500)
    told = common.tell(delay, "seconds")
    headers = (("request-id", request_id), ("x-should-retry", "true" if again else "false"), *told.headers)
    return Answer(
        reply=common.failure(status, headers, body),
        error_code=_SPEND_LIMIT if problem == "spend_limit" else _ERRORS[problem][0],
        retry_after_ns=told.ns,
    )


def _error(problem: Problem, request_id: str) -> dict[str, Any]:
    kind, message = _ERRORS[problem]
    details = {"error_code": _SPEND_LIMIT} if problem == "spend_limit" else None
    return {"type": "error", "error": {"details": details, "type": kind, "message": message}, "request_id": request_id}


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    del call
    body = _error(problem, f"req_{common.name(attempt_id, 'error')[:24]}")
    return b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter; see `Dialect`."""
    return common.replaced(event, "stop_reason", "refusal")


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; see `Dialect`."""
    return common.without_usage(event)


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits; see `Dialect`."""
    headers: list[tuple[str, str]] = []
    for name, level in (("requests", quota.requests), ("tokens", quota.tokens)):
        if level is not None:
            reset = datetime.fromtimestamp(-(-(wall_ns + level.reset_ns) // 10**9), UTC)
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
    data = common.data_of(event)
    kind = data.get("type") if isinstance(data, dict) else None
    if kind == "content_block_delta":
        text = data["delta"].get("text") if isinstance(data.get("delta"), dict) else None
        return Send(event, text if isinstance(text, str) else "")
    return Send(event, part="finish" if kind == "message_delta" else "done" if kind == "message_stop" else "")


def read_body(status: int, body: bytes) -> Heard:
    """Return what a real plain answer says; see `Dialect`."""
    try:
        data = json.loads(body)
        if status >= 400:
            error = data["error"]
            return Heard(error_code=str((error.get("details") or {}).get("error_code") or error["type"]))
        usage = data.get("usage") or {}
        text = "".join(part["text"] for part in data["content"] if part.get("type") == "text")
        return Heard(text, usage.get("input_tokens"), usage.get("output_tokens"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return Heard()
