"""Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Problem, Refusal
from harness.provider.dialects import calls, common, delays, histories, wire
from harness.provider.dialects.common import Events, MockAnswer, quoted
from harness.provider.dialects.declaration import Dialect, FinishReasons, LiteLLMNames, WrittenRequest
from harness.provider.dialects.delays import NOTHING, SentDelay
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.dialects.prefixes import CachePrices, CacheUsage
from harness.provider.limit import Quota
from harness.provider.mocked_calls import MockCall, call_tokens, escaped
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces, ToolCall
from harness.quantities import S

_KEEPALIVE = b'event: ping\ndata: {"type":"ping"}\n\n'

_PATH = "/v1/messages"
_API_VERSION = ("anthropic-version", "2023-06-01")
_MAX_TOKENS = 1024
"""Sent where the caller sets no limit, as there must be one."""
_FINISH = FinishReasons(
    stop="end_turn",
    length="max_tokens",
    content_filter="refusal",
    others={"model_context_window_exceeded": "length"},
    tool_calls="tool_use",
)
_ORGANIZATION = ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000")
_RETRYABLE = frozenset({408, 409, 429})
_STATUS: dict[Problem, int] = {"quota": 402, "overloaded": 529}
_SPEND_LIMIT = "enforced_spend_limit_reached"

# By problem: type, message.
_ERRORS: Mapping[Problem, tuple[str, str]] = common.for_every_problem(
    {
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
        "context_length": (
            "invalid_request_error",
            "prompt is too long: {tokens:200345} tokens > {window:200000} maximum",
        ),
        "content_filter": ("invalid_request_error", "Output blocked by content filtering policy"),
        "invalid_request": ("invalid_request_error", "The request body is not valid JSON with `model` and `messages`."),
        "auth": ("authentication_error", "invalid x-api-key"),
        "permission": ("permission_error", "Your API key does not have permission to use the specified resource."),
        "not_found": ("not_found_error", "model: {model}"),
        "too_large": ("request_too_large", "Request exceeds the maximum size"),
        "unknown_path": ("not_found_error", "Not Found"),
    }
)


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Anthropic is asked for it."""
    system, messages = calls.split_system(body)
    asked: dict[str, Any] = {
        "model": model,
        "max_tokens": body.get("max_tokens") or _MAX_TOKENS,
        "messages": histories.anthropic_messages(messages) if histories.has_tools(body) else messages,
        "stream": body["stream"],
        **histories.anthropic(body),
    }
    return WrittenRequest(_PATH, (_API_VERSION,), {**asked, "system": system} if system else asked)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call."""
    if method != "POST" or path.partition("?")[0] != _PATH:
        return Call(problem="unknown_path")
    return calls.read(body, fields=calls.MESSAGES)


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    spec = provider.reply
    mock = common.mock_answer(spec, call, attempt_id)
    model = call.model or provider.model
    headers = (("request-id", f"req_{mock.sha256[:24]}"), _ORGANIZATION)
    if not call.streaming:
        return common.plain(spec, mock, call, headers, _message(model, mock, call))
    return common.stream(spec, mock, call, headers, _events(model, attempt_id, mock, call))


def _message(model: str, mock: MockAnswer, call: Call) -> bytes:
    content = ",".join(map(_block, mock.calls)) if mock.calls else f'{{"type":"text","text":"{mock.text}"}}'
    return (
        f'{{"id":"msg_{mock.sha256[:24]}","type":"message","role":"assistant","model":{quoted(model)},'
        f'"content":[{content}],"stop_reason":"{_FINISH.word(complete=mock.complete, calls=mock.calls)}","stop_sequence":null,'
        f'"usage":{{{_tokens_in(call)},'
        f'"output_tokens":{mock.tokens},"service_tier":"standard"}}}}'
    ).encode()


def _tokens_in(call: Call) -> str:
    return (
        f'"input_tokens":{call.fresh_tokens},"cache_creation_input_tokens":{call.cached.written},'
        f'"cache_read_input_tokens":{call.cached.read}'
    )


def _events(model: str, attempt_id: str, mock: MockAnswer, call: Call) -> Events:
    opening = (
        f'event: message_start\ndata: {{"type":"message_start","message":{{"id":"msg_{mock.sha256[:24]}",'
        f'"type":"message","role":"assistant","model":{quoted(model)},"content":[],"stop_reason":null,'
        f'"stop_sequence":null,"usage":{{{_tokens_in(call)},"output_tokens":1,"service_tier":"standard"}}}}}}\n\n'
        f'{"" if mock.calls else _TEXT_BEGINS}event: ping\ndata: {{"type":"ping"}}\n\n'
    )
    before = (
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"'
    )
    after = '"}}\n\n'
    closing = [
        Send(
            (
                f'event: message_delta\ndata: {{"type":"message_delta","delta":{{"stop_reason":"{_FINISH.word(complete=mock.complete, calls=mock.calls)}",'
                f'"stop_sequence":null}},"usage":{{"output_tokens":{mock.tokens}}}}}\n\n'
            ).encode(),
            part="finish",
        ),
        Send(b'event: message_stop\ndata: {"type":"message_stop"}\n\n', part="done"),
    ]
    if mock.calls:
        tokens = call_tokens(mock.calls, begin=_call_begins, piece=_call_goes_on, end=_call_ends)
    else:
        tokens = common.tokens_of(attempt_id, mock, before.encode(), after.encode())
        closing.insert(0, Send(b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'))
    return Events(opening.encode(), tokens, closing)


_TEXT_BEGINS = (
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    '"content_block":{"type":"text","text":""}}\n\n'
)


def _block(call: MockCall, arguments: str | None = None) -> str:
    """Return a call; in a stream its input is empty at first."""
    return (
        f'{{"type":"tool_use","id":"toolu_01{call.digits[:22]}","name":{quoted(call.name)},'
        f'"input":{call.arguments if arguments is None else arguments}}}'
    )


def _call_begins(place: int, call: MockCall) -> bytes:
    begun = f'{{"type":"content_block_start","index":{place},"content_block":{_block(call, "{}")}}}'
    return f"event: content_block_start\ndata: {begun}\n\n".encode() + _call_goes_on(place, "")


def _call_goes_on(place: int, piece: str) -> bytes:
    delta = f'{{"type":"input_json_delta","partial_json":"{escaped(piece)}"}}'
    data = f'{{"type":"content_block_delta","index":{place},"delta":{delta}}}'
    return f"event: content_block_delta\ndata: {data}\n\n".encode()


def _call_ends(place: int, _call: MockCall) -> bytes:
    return f'event: content_block_stop\ndata: {{"type":"content_block_stop","index":{place}}}\n\n'.encode()


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer. Its Retry-After never gives the length of a spend limit."""
    status, problem = common.failing(refusal, _STATUS)
    sent = delays.sent(None if problem == "spend_limit" else refusal.delay, "seconds")
    request_id = _request_id(refusal.attempt_id)
    again = problem != "spend_limit" and (status in _RETRYABLE or status >= 500)
    headers = (
        ("request-id", request_id),
        _ORGANIZATION,
        ("x-should-retry", "true" if again else "false"),
        *sent.headers,
    )
    return Answer(
        reply=common.failure(status, headers, _error(refusal, problem, request_id, sent)),
        error_code=_SPEND_LIMIT if problem == "spend_limit" else _ERRORS[problem][0],
        retry_after_ns=sent.ns,
    )


def _request_id(attempt_id: str) -> str:
    return f"req_{common.name(attempt_id, 'error')[:24]}"


def _error(refusal: Refusal, problem: Problem, request_id: str, sent: SentDelay) -> dict[str, Any]:
    kind, message = _ERRORS[problem]
    broken = refusal.violation
    message = common.named(message, refusal.call) if broken is None else broken.message
    error = {
        "details": {"error_code": _SPEND_LIMIT} if problem == "spend_limit" else None,
        "type": kind,
        "message": delays.with_words(message, sent),
    }
    return {"type": "error", "error": error, "request_id": request_id}


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    problem = common.failing(refusal, _STATUS)[1]
    body = _error(refusal, problem, _request_id(refusal.attempt_id), NOTHING)
    return b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"


def _filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    data = wire.data_of(event)
    delta = wire.as_object(data.get("delta"))
    if not delta.get("stop_reason"):
        return event
    return wire.with_data(event, {**data, "delta": {**delta, "stop_reason": _FINISH.content_filter}})


def _emptied(event: bytes) -> bytes:
    """Return an end as it is: it never holds text."""
    return event


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    return wire.without(event, "usage", "message")


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits. The time at which they are full again is in whole seconds."""
    headers: list[tuple[str, str]] = []
    for name, level in (("requests", quota.requests), ("tokens", quota.tokens)):
        if level is not None:
            reset = datetime.fromtimestamp(-(-(wall_ns + level.reset_ns) // S), UTC)
            head = f"anthropic-ratelimit-{name}"
            headers += [
                (f"{head}-limit", str(level.limit)),
                (f"{head}-remaining", str(level.remaining)),
                (f"{head}-reset", reset.strftime("%Y-%m-%dT%H:%M:%SZ")),
            ]
    return tuple(headers)


def _authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key."""
    return ("x-api-key", key)


def _read_event(event: bytes) -> Send:
    """Return an event with its text and its role."""
    data = wire.data_of(event)
    kind = data.get("type")
    if kind == "content_block_delta":
        delta = wire.as_object(data.get("delta"))
        return Send(event, wire.text_of(delta.get("text")) or wire.text_of(delta.get("partial_json")))
    return Send(event, part="finish" if kind == "message_delta" else "done" if kind == "message_stop" else "")


def _read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    if b"tool_use" not in event and b"partial_json" not in event:
        return None
    data = wire.data_of(event)
    place = wire.count_of(data.get("index"))
    block = wire.as_object(data.get("content_block"))
    if block.get("type") == "tool_use":
        return CallPieces("", (_call(block, place),))
    delta = wire.as_object(data.get("delta"))
    if delta.get("type") != "input_json_delta":
        return None
    return CallPieces("", (ToolCall(arguments=wire.text_of(delta.get("partial_json")), place=place),))


def _call(block: dict[str, Any], place: int | None = None) -> ToolCall:
    """Return the call in a block. In a stream its input is empty, and comes in pieces."""
    arguments = histories.dumped(block.get("input")) if block.get("input") or place is None else ""
    return ToolCall(wire.text_of(block.get("name")), arguments, wire.text_of(block.get("id")), place)


def _read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    data = wire.data_of(event)
    return _FINISH.read(wire.as_object(data.get("delta")).get("stop_reason") or data.get("stop_reason"))


def _read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return wire.usage_in(event, "usage", "input_tokens", "output_tokens", "message")


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
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
        finish=_FINISH.read(data.get("stop_reason")),
        calls=tuple(_call(part) for part in wire.objects(data.get("content")) if part.get("type") == "tool_use"),
    )


ANTHROPIC = Dialect(
    name="anthropic",
    base_path="",
    framing=SERVER_SENT,
    keepalive=_KEEPALIVE,
    last_event=rb"event: ?message_stop",
    error_header=None,
    models="/v1/models?limit=1000",
    request=_request,
    authorize=_authorize,
    parse=_parse,
    succeed=_succeed,
    fail=_fail,
    error_event=_error_event,
    filtered=_filtered,
    emptied=_emptied,
    without_usage=_without_usage,
    quota_headers=_quota_headers,
    read_event=_read_event,
    read_calls=_read_calls,
    read_finish=_read_finish,
    read_usage=_read_usage,
    read_error=partial(wire.error_in, _read_body),
    read_body=_read_body,
    is_answer=wire.is_answer,
    embed=None,
    litellm=LiteLLMNames(
        provider="anthropic",
        path="",
        key_variables=("ANTHROPIC_API_KEY",),
        families="claude",
        takes_unknown=False,
        model=str,
        addresses=(),
        defaults={},
        home="https://api.anthropic.com",
    ),
    openai_client=None,
    sdk="ANTHROPIC_BASE_URL={address}",
    of_vendor=None,
    cache_usage=CacheUsage(prices=CachePrices(read=0.1, write=1.25)),
)
