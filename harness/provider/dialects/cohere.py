"""Cohere's chat: the API's second version, and the first, which older versions of LiteLLM use.

Bodies and errors are those of https://docs.cohere.com/reference/chat and https://docs.cohere.com/reference/errors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Problem, Refusal
from harness.provider.dialects import calls, chat, cohere_embeddings, common, delays, embeddings, wire
from harness.provider.dialects.common import Events, MockAnswer
from harness.provider.dialects.declaration import Dialect, FinishReasons, LiteLLMNames, WrittenRequest
from harness.provider.dialects.framing import COHERE_LINES_TYPE, EVENTS_OR_LINES
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces

_PATH = "/v2/chat"
_PATHS = (_PATH, "/v1/chat")
_FIRST = "v1"
_DONE = b"data: [DONE]\n\n"
"""Cohere's last event, according to https://github.com/cohere-ai/cohere-python/issues/730; lines of JSON have none."""
_KEEPALIVE = b'{"type":"ping"}\n'
"""A line without content where a stream is lines of JSON; among server-sent events, a field that every client ignores."""
_FINISH = FinishReasons(
    stop="COMPLETE",
    length="MAX_TOKENS",
    content_filter="ERROR_TOXIC",
    others={"error_limit": "length"},
    tool_calls="TOOL_CALL",
)
_BROKEN = ("ERROR", "TIMEOUT")
"""Reasons for an end that are errors."""
_FIRST_FIELDS = calls.Fields(prompt="prompt", system="preamble", limits=("max_tokens",))
_STATUS: dict[Problem, int] = {"spend_limit": 402, "content_filter": 498}


# By problem: the message, which is all that the body of an error has beside an id.
_ERRORS: Mapping[Problem, str] = common.for_every_problem(
    {
        "rate_limit": (
            "You are using a Trial key, which is limited to 20 API calls / minute. You can continue to use the Trial key for "
            "free or upgrade to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'. "
            "Contact us on 'https://discord.gg/XW44jPfYJu' or email us at support@cohere.com with any questions"
        ),
        "quota": (
            "You are using a Trial key, which is limited to 1000 API calls / month. You can continue to use the Trial key for "
            "free or upgrade to a Production key with higher rate limits at 'https://dashboard.cohere.com/api-keys'. "
            "Contact us on 'https://discord.gg/XW44jPfYJu' or email us at support@cohere.com with any questions"
        ),
        "spend_limit": (
            "Your account has reached its maximum billing amount. Increase it at https://dashboard.cohere.com/billing."
        ),
        "overloaded": "The model is overloaded. Please try again later.",
        "server_error": "internal server error, this has been reported to our developers",
        "unavailable": "service unavailable",
        "timeout": "gateway timeout",
        "context_length": (
            "too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 200345. "
            "Try using a shorter prompt, or enabling prompt truncating."
        ),
        "content_filter": "the request was blocked: it may violate the Usage Guidelines",
        "invalid_request": "invalid request: message must be at least 1 token long",
        "auth": "invalid api token",
        "permission": "your API key does not have access to this resource",
        "not_found": (
            "model '{model}' not found, make sure the correct model ID was used and that you have access to the model."
        ),
        "too_large": "request entity too large",
        "unknown_path": "page not found",
    }
)


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Cohere is asked for it."""
    asked = {name: body[name] for name in ("messages", "stream", "max_tokens", "tools") if name in body}
    return WrittenRequest(_PATH, (), {"model": model, **asked})


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call. Its body is of one version or the other: LiteLLM sends either to the address that it is given."""
    bare = path.partition("?")[0]
    if method == "POST" and bare in (cohere_embeddings.PATH, cohere_embeddings.FIRST_PATH):
        return cohere_embeddings.parse(bare, body)
    if method != "POST" or bare not in _PATHS:
        return Call(problem="unknown_path")
    data = calls.load(body)
    if data is None:
        return Call(problem="invalid_request")
    if not isinstance(data.get("message"), str):
        return calls.understood(data, None, calls.Fields())._replace(usage=True)
    earlier = [turn.get("message") for turn in wire.objects(data.get("chat_history"))]
    mock = {**data, "prompt": [{"content": text} for text in (*earlier, data["message"])]}
    if "model" in data:
        return calls.understood(mock, None, _FIRST_FIELDS)._replace(usage=True, api=_FIRST)
    return calls.understood(mock, "none", _FIRST_FIELDS)._replace(model=None, usage=True, api=_FIRST)


def _in_lines(call: Call) -> bool:
    """Return whether a stream is lines of JSON.

    The first version's are, unless the client accepts server-sent events. The second version documents server-sent events alone;
    but LiteLLM accepts JSON alone, of either version, and reads nothing but lines.
    """
    return "text/event-stream" not in call.accept and (call.api == _FIRST or "json" in call.accept)


def _event(call: Call, data: Mapping[str, Any]) -> bytes:
    text = json.dumps(data, separators=(",", ":"))
    return (
        f"{text}\n" if _in_lines(call) else f"event: {data.get('type', data.get('event_type'))}\ndata: {text}\n\n"
    ).encode()


def _data_of(event: bytes) -> dict[str, Any]:
    """Return the JSON object in an event, or in a line."""
    return wire.as_object(wire.load(event)) if event[:1] == b"{" else wire.data_of(event)


def _with_data(event: bytes, data: Mapping[str, Any]) -> bytes:
    if event[:1] != b"{":
        return wire.with_data(event, data)
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    spec = provider.reply
    mock = common.mock_answer(spec, call, attempt_id)
    first = call.api == _FIRST
    headers = (("x-debug-trace-id", mock.sha256[:32]),)
    if call.api == embeddings.API:
        return common.plain(spec, mock, call, headers, cohere_embeddings.answer(mock, call))
    if not call.streaming:
        whole = _first_whole(mock, call) if first else _whole(mock, call)
        return common.plain(spec, mock, call, headers, json.dumps(whole).encode())
    events = (_first_events if first else _events)(attempt_id, mock, call)
    if _in_lines(call):
        events = events._replace(content_type=COHERE_LINES_TYPE)
    return common.stream(spec, mock, call, headers, events)


def _usage(mock: MockAnswer, call: Call) -> dict[str, Any]:
    tokens = {"input_tokens": call.prompt_tokens, "output_tokens": mock.tokens}
    return {"billed_units": tokens, "tokens": tokens}


def _whole(mock: MockAnswer, call: Call) -> dict[str, Any]:
    return {
        "id": common.uuid(mock.sha256),
        "message": {"role": "assistant", "content": [{"type": "text", "text": mock.text}]},
        "finish_reason": _FINISH.word(complete=mock.complete),
        "usage": _usage(mock, call),
    }


def _first_whole(mock: MockAnswer, call: Call) -> dict[str, Any]:
    return {
        "response_id": common.uuid(mock.sha256),
        "text": mock.text,
        "generation_id": common.uuid(mock.sha256[32:]),
        "chat_history": [],
        "finish_reason": _FINISH.word(complete=mock.complete),
        "meta": {"api_version": {"version": "1"}, **_usage(mock, call)},
    }


def _events(attempt_id: str, mock: MockAnswer, call: Call) -> Events:
    message = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    opening: list[dict[str, Any]] = [
        {"id": common.uuid(mock.sha256), "type": "message-start", "delta": {"message": message}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
    ]
    token: dict[str, Any] = {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "|"}}}}
    ended = {"finish_reason": _FINISH.word(complete=mock.complete), "usage": _usage(mock, call)}
    closing = [
        Send(_event(call, {"type": "content-end", "index": 0})),
        Send(_event(call, {"type": "message-end", "delta": ended}), part="finish"),
    ]
    if not _in_lines(call):
        closing.append(Send(_DONE, part="done"))
    before, after = _event(call, token).split(b"|")
    return Events(
        b"".join(_event(call, data) for data in opening), common.tokens_of(attempt_id, mock, before, after), closing
    )


def _first_events(attempt_id: str, mock: MockAnswer, call: Call) -> Events:
    opening = {"is_finished": False, "event_type": "stream-start", "generation_id": common.uuid(mock.sha256)}
    token = {"is_finished": False, "event_type": "text-generation", "text": "|"}
    whole = _first_whole(mock, call)
    ended = {
        "is_finished": True,
        "event_type": "stream-end",
        "response": whole,
        "finish_reason": whole["finish_reason"],
    }
    before, after = _event(call, token).split(b"|")
    closing = [Send(_event(call, ended), part="finish")]
    return Events(_event(call, opening), common.tokens_of(attempt_id, mock, before, after), closing)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer. It has no code: status and message are all that tell one from another."""
    status, problem = common.failing(refusal, _STATUS)
    sent = delays.sent(refusal.delay, "seconds")
    trace = common.name(refusal.attempt_id, "error")
    message = delays.with_words(common.named(_ERRORS[problem], refusal.call), sent)
    headers = (("x-debug-trace-id", trace), *sent.headers)
    body = {"id": common.uuid(trace), "message": message}
    return Answer(reply=common.failure(status, headers, body), retry_after_ns=sent.ns)


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error: its end, with the message where the version has one."""
    call = refusal.call
    if call.api == _FIRST:
        return _event(call, {"is_finished": True, "event_type": "stream-end", "finish_reason": "ERROR"})
    problem = common.failing(refusal, _STATUS)[1]
    ended = {"error": common.named(_ERRORS[problem], call), "finish_reason": "ERROR"}
    return _event(call, {"type": "message-end", "delta": ended})


def _end_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return the object of an event that holds the reason for the end; empty if there is none."""
    delta = wire.as_object(data.get("delta"))
    return next((place for place in (delta, data) if place.get("finish_reason")), {})


def _filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    data = _data_of(event)
    end = _end_of(data)
    if not end:
        return event
    for place in (end, wire.as_object(end.get("response"))):
        if "finish_reason" in place:
            place["finish_reason"] = _FINISH.content_filter
    return _with_data(event, data)


def _emptied(event: bytes) -> bytes:
    """Return an end without text, which the first version repeats there."""
    data = _data_of(event)
    response = wire.as_object(data.get("response"))
    if not response.get("text"):
        return event
    response["text"] = ""
    return _with_data(event, data)


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    data = _data_of(event)
    places = (
        wire.as_object(data.get("delta")).pop("usage", None),
        wire.as_object(data.get("response")).pop("meta", None),
    )
    return event if places == (None, None) else _with_data(event, data)


def _quota_headers(quota: Quota, _wall_ns: int) -> Headers:
    """Return what is left of a trial key's limit, as in https://github.com/cohere-ai/cohere-typescript/issues/222."""
    if quota.requests is None:
        return ()
    return (
        ("x-trial-endpoint-call-limit", str(quota.requests.limit)),
        ("x-trial-endpoint-call-remaining", str(quota.requests.remaining)),
    )


def _read_event(event: bytes) -> Send:
    """Return an event with its text and its role."""
    if wire.bytes_of(event) == b"[DONE]":
        return Send(event, part="done")
    data = _data_of(event)
    if _end_of(data):
        return Send(event, part="finish" if _read_error(event) is None else "")
    content = wire.as_object(wire.as_object(wire.as_object(data.get("delta")).get("message")).get("content"))
    pieces = _read_calls(event)
    arguments = "" if pieces is None else pieces.calls[0].arguments
    return Send(event, wire.text_of(content.get("text")) or wire.text_of(data.get("text")) or arguments)


def _read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    data = _data_of(event)
    message = wire.as_object(wire.as_object(data.get("delta")).get("message"))
    piece = {**wire.as_object(message.get("tool_calls")), "index": data.get("index")}
    if data.get("type") not in ("tool-call-start", "tool-call-delta"):
        return None
    return CallPieces("", tuple(chat.calls_of({"tool_calls": [piece]})))


def _read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    return _FINISH.read(_end_of(_data_of(event)).get("finish_reason"))


def _billed(holder: Any) -> tuple[int | None, int | None]:
    usage = wire.as_object(holder)
    counts = wire.as_object(usage.get("billed_units")) or wire.as_object(usage.get("tokens"))
    return wire.count_of(counts.get("input_tokens")), wire.count_of(counts.get("output_tokens"))


def _read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    if b"output_tokens" not in event:
        return None, None
    data = _data_of(event)
    return _billed(wire.as_object(data.get("delta")).get("usage") or wire.as_object(data.get("response")).get("meta"))


def _read_error(event: bytes) -> ParsedBody | None:
    """Return the error by which an event ends a stream. It has no code."""
    end = _end_of(_data_of(event))
    return ParsedBody() if end.get("error") or end.get("finish_reason") in _BROKEN else None


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer, of either version."""
    data = wire.as_object(wire.load(body))
    message = data.get("message")
    if not is_success(status) or isinstance(message, str):
        return ParsedBody(retry_after_ns=delays.in_words(message))
    tokens_in, tokens_out = _billed(data.get("usage") or data.get("meta"))
    text = wire.text_of(wire.as_object(message).get("content")) or wire.text_of(data.get("text"))
    called = tuple(chat.calls_of(wire.as_object(message)))
    return ParsedBody(text, tokens_in, tokens_out, finish=_FINISH.read(data.get("finish_reason")), calls=called)


def _is_answer(body: bytes) -> bool:
    """Return whether the body of a plain success is an answer: an error's message is a text."""
    return wire.is_answer(body) and not isinstance(wire.as_object(wire.load(body)).get("message"), str)


COHERE = Dialect(
    name="cohere",
    base_path="",
    framing=EVENTS_OR_LINES,
    keepalive=_KEEPALIVE,
    last_event=chat.LAST_EVENT,
    error_header=None,
    models="/v1/models?page_size=1000",
    request=_request,
    authorize=chat.authorize,
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
    read_error=_read_error,
    read_body=_read_body,
    is_answer=_is_answer,
    embed=cohere_embeddings.FORM,
    litellm=LiteLLMNames(
        provider="cohere_chat",
        path="",
        key_variables=("COHERE_API_KEY", "CO_API_KEY"),
        families="command",
        takes_unknown=False,
        model=lambda name: name.removeprefix("v2/").removeprefix("v1/"),
        addresses=(),
        defaults={},
        home="https://api.cohere.com",
        also=("cohere",),
        model_path=lambda name: cohere_embeddings.PATH if name.startswith("embed") else _PATH,
    ),
    openai_client=None,
    sdk="CO_API_URL={address}",
    of_vendor=None,
    cache_usage=None,
)
