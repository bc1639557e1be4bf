"""Anthropic's messages."""

from __future__ import annotations

from typing import Any

from harness.chain import Provider
from harness.provider import text as mocked
from harness.provider.answer import Answer, Call, Problem
from harness.provider.dialects import common
from harness.provider.dialects.common import Said
from harness.provider.dialects.openai import quoted
from harness.provider.reply import Send

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


def _events(model: str, said: Said, call: Call) -> tuple[bytes, bytes, bytes, bytes]:
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
    closing = (
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
        f'event: message_delta\ndata: {{"type":"message_delta","delta":{{"stop_reason":"{_stop(said)}",'
        f'"stop_sequence":null}},"usage":{{"output_tokens":{said.tokens}}}}}\n\n'
        'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    )
    return opening.encode(), before.encode(), after.encode(), closing.encode()


def fail(
    attempt_id: str, *, status: int | None = None, problem: Problem | None = None, retry_after_ns: int | None
) -> Answer:
    """Return an error answer; see `Dialect`."""
    if problem is None:
        problem = common.usual(status or 500)
    if status is None:
        status = 402 if problem == "quota" else 529 if problem == "overloaded" else common.STATUS[problem]
    kind, message = _ERRORS[problem]
    details = {"error_code": _SPEND_LIMIT} if problem == "spend_limit" else None
    request_id = f"req_{common.name(attempt_id, 'error')[:24]}"
    error: dict[str, Any] = {"details": details, "type": kind, "message": message}
    body = {"type": "error", "error": error, "request_id": request_id}
    again = details is None and (status in _RETRYABLE or status >= 500)
    headers = [("request-id", request_id), ("x-should-retry", "true" if again else "false")]
    if retry_after_ns is not None:
        # Whole seconds are all that this header can say here, so they are what the caller was told.
        retry_after_ns = -(-retry_after_ns // 10**9) * 10**9
        headers.append(("retry-after", str(retry_after_ns // 10**9)))
    return Answer(
        reply=common.failure(status, tuple(headers), body),
        error_code=_SPEND_LIMIT if details else kind,
        retry_after_ns=retry_after_ns,
    )
