"""Gemini: the address names the model and asks for a stream, and an error's body holds its delay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Problem
from harness.provider.dialects import (
    calls,
    common,
    delays,
    embeddings,
    gemini_calls,
    google_embeddings,
    google_errors,
    histories,
    offers,
    prefixes,
    turn_rules,
    wire,
)
from harness.provider.dialects.common import Events, MockAnswer, quoted
from harness.provider.dialects.declaration import Dialect, FinishReasons, LiteLLMNames, WrittenRequest
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.dialects.google_errors import DETAIL, GoogleError
from harness.provider.dialects.prefixes import CachePrices, CacheUsage
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces

_KEEPALIVE = b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}]}\n\n'
"""An event without content: Gemini sends no comments, and Google's SDK refuses an answer that holds one."""

_API_PATH = "/v1beta"
_CHAT_VERBS = ("generateContent", "streamGenerateContent")
_PATH = re.compile(
    r"(?:/v1beta|/v1alpha|/v1)?/models/([^/?]{1,600}):(generateContent|streamGenerateContent|embedContent|batchEmbedContents)"
)
_FIELDS = calls.Fields(
    prompt="contents",
    system="system",
    limits=("maxOutputTokens", "max_output_tokens"),
    caching=prefixes.OF_GEMINI,
)
_QUOTA = "generativelanguage.googleapis.com/generate_content_requests"
_STATUS: Mapping[Problem, int] = {"auth": 400, "too_large": 400}
_FINISH = FinishReasons(
    stop="STOP",
    length="MAX_TOKENS",
    content_filter="SAFETY",
    others=dict.fromkeys(("recitation", "blocklist", "prohibited_content", "spii", "image_safety"), "content_filter"),
)


def _over(quota_id: str, value: str) -> dict[str, Any]:
    violation = {
        "quotaMetric": _QUOTA,
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": "{model}"},
        "quotaValue": value,
    }
    return {"@type": f"{DETAIL}QuotaFailure", "violations": [violation]}


_HELP = {
    "@type": f"{DETAIL}Help",
    "links": [
        {
            "description": "Learn more about Gemini API quotas",
            "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
        }
    ],
}
_EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head to: https://ai.google.dev/gemini-api/docs/rate-limits."
)
_ERRORS = common.for_every_problem(
    {
        "rate_limit": GoogleError(
            "RESOURCE_EXHAUSTED", _EXCEEDED, (_over("GenerateRequestsPerMinutePerProjectPerModel", "60"), _HELP)
        ),
        "quota": GoogleError(
            "RESOURCE_EXHAUSTED", _EXCEEDED, (_over("GenerateRequestsPerDayPerProjectPerModel", "1000"), _HELP)
        ),
        "spend_limit": GoogleError("RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
        "overloaded": GoogleError("UNAVAILABLE", "The model is overloaded. Please try again later."),
        "server_error": GoogleError("INTERNAL", "An internal error has occurred. Please retry."),
        "unavailable": GoogleError("UNAVAILABLE", "The service is currently unavailable."),
        "timeout": GoogleError("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        "context_length": GoogleError(
            "INVALID_ARGUMENT",
            "The input token count ({tokens:1048600}) exceeds the maximum number of tokens allowed ({window:1048576}).",
        ),
        "content_filter": GoogleError("INVALID_ARGUMENT", "The prompt was blocked by the safety settings."),
        "invalid_request": GoogleError("INVALID_ARGUMENT", "Invalid JSON payload received: `contents` is needed."),
        "auth": GoogleError(
            "INVALID_ARGUMENT",
            "API key not valid. Please pass a valid API key.",
            (
                {
                    "@type": f"{DETAIL}ErrorInfo",
                    "reason": "API_KEY_INVALID",
                    "domain": "googleapis.com",
                    "metadata": {"service": "generativelanguage.googleapis.com"},
                },
            ),
        ),
        "permission": GoogleError("PERMISSION_DENIED", "The caller does not have permission"),
        "not_found": GoogleError(
            "NOT_FOUND",
            "models/{model} is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
        ),
        "too_large": GoogleError("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
        "unknown_path": GoogleError("NOT_FOUND", "Requested entity was not found."),
    }
)


def _request(model: str, body: Mapping[str, Any]) -> WrittenRequest:
    """Return a chat completion as Gemini is asked for it."""
    system, messages = calls.split_system(body)
    asked: dict[str, Any] = {"contents": histories.gemini_contents(messages), **histories.gemini(body)}
    if system:
        asked["systemInstruction"] = {"parts": [{"text": system}]}
    if body.get("max_tokens"):
        asked["generationConfig"] = {"maxOutputTokens": body["max_tokens"]}
    method = "streamGenerateContent?alt=sse" if body["stream"] else "generateContent"
    return WrittenRequest(f"{_API_PATH}/models/{quote(model, safe='')}:{method}", (), asked)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call. The address may leave its version out, as some clients do."""
    match = _PATH.fullmatch(path.partition("?")[0])
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    model = unquote(match[1])
    if match[2] not in _CHAT_VERBS:
        return google_embeddings.parse(model, match[2], body)
    data = calls.load(body)
    if data is None:
        return Call(problem="invalid_request")
    config = wire.as_object(data.get("generationConfig") or data.get("generation_config"))
    mock = {
        "contents": data.get("contents"),
        "system": [data.get("systemInstruction") or data.get("system_instruction")],
        "maxOutputTokens": config.get("maxOutputTokens"),
        "max_output_tokens": config.get("max_output_tokens"),
        "tools": data.get("tools"),
    }
    call = calls.understood(mock, model, _FIELDS)
    return call._replace(
        streaming=match[2] == "streamGenerateContent",
        usage=True,
        tools=offers.of_gemini(data),
        violation=turn_rules.of_gemini(model, data),
    )


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    spec = provider.reply
    mock = common.mock_answer(spec, call, attempt_id)
    if call.api == embeddings.API:
        headers = (*google_errors.HEADERS, ("x-request-id", mock.sha256[:32]))
        return common.plain(spec, mock, call, headers, google_embeddings.answer(mock, call))
    model = quoted(call.model or provider.model)
    finish = f'"finishReason":"{_FINISH.word(complete=mock.complete, calls=mock.calls)}",'
    total = call.prompt_tokens + mock.tokens
    usage = (
        f'"usageMetadata":{{"promptTokenCount":{call.prompt_tokens},"candidatesTokenCount":{mock.tokens},'
        f'"totalTokenCount":{total}{_cached(call)}}}'
    )
    headers = (*google_errors.HEADERS, ("x-request-id", mock.sha256[:32]))
    if not call.streaming:
        before, after = _around(model, mock, finish, usage)
        content = gemini_calls.written(mock.calls) if mock.calls else f"{_TEXT}{mock.text}{_TEXT_END}"
        return common.plain(spec, mock, call, headers, f"{{{before}{content}{after}}}".encode())
    begun = f'"usageMetadata":{{"promptTokenCount":{call.prompt_tokens},"totalTokenCount":{call.prompt_tokens}{_cached(call)}}}'
    before, after = _around(model, mock, "", begun)
    if mock.calls:
        parts = [(call, gemini_calls.written([call], first=place == 0)) for place, call in enumerate(mock.calls)]
        tokens = [Send(f"data: {{{before}{part}{after}}}\n\n".encode(), call.text) for call, part in parts]
    else:
        begin, end = f"data: {{{before}{_TEXT}", f"{_TEXT_END}{after}}}\n\n"
        tokens = common.tokens_of(attempt_id, mock, begin.encode(), end.encode())
    before, after = _around(model, mock, finish, usage)
    closing = [Send(f"data: {{{before}{_TEXT}{_TEXT_END}{after}}}\n\n".encode(), part="finish")]
    return common.stream(spec, mock, call, headers, Events(b"", tokens, closing))


def _cached(call: Call) -> str:
    """Return the field of the cached tokens, which Gemini leaves out where there are none."""
    return f',"cachedContentTokenCount":{call.cached.read}' if call.cached.read else ""


_TEXT, _TEXT_END = '{"text":"', '"}'


def _around(model: str, mock: MockAnswer, finish: str, usage: str) -> tuple[str, str]:
    """Return the JSON of an answer, or of an event of one, before its parts and after them."""
    return (
        '"candidates":[{"content":{"parts":[',
        f'],"role":"model"}},{finish}"index":0}}],{usage},"modelVersion":{model},"responseId":"{mock.sha256[:22]}"',
    )


def _filtered(event: bytes) -> bytes:
    """Return an end that names the safety filter."""
    data = wire.data_of(event)
    ended = [candidate for candidate in wire.objects(data.get("candidates")) if candidate.get("finishReason")]
    for candidate in ended:
        candidate["finishReason"] = _FINISH.content_filter
        candidate["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
    return wire.with_data(event, data) if ended else event


def _emptied(event: bytes) -> bytes:
    """Return an end without text."""
    data = wire.data_of(event)
    full = [candidate for candidate in wire.objects(data.get("candidates")) if _text(candidate)]
    for candidate in full:
        candidate["content"] = {"parts": [{"text": ""}], "role": "model"}
    return wire.with_data(event, data) if full else event


def _without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    kept = wire.without(event, "usageMetadata")
    return b"" if kept != event and not wire.data_of(kept).get("candidates") else kept


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: its limits are in its errors alone."""
    del quota, wall_ns
    return ()


def _authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key."""
    return ("x-goog-api-key", key)


def _read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is. The last one often has both text and a reason."""
    data = wire.data_of(event)
    candidate = next(iter(wire.objects(data.get("candidates"))), None)
    if candidate is None:
        return Send(event, part="usage" if data.get("usageMetadata") else "")
    text = _text(candidate) + "".join(call.text for call in gemini_calls.read(candidate))
    return Send(event, text, "finish" if candidate.get("finishReason") else "")


def _text(candidate: dict[str, Any]) -> str:
    """Return a candidate's text; thoughts are not part of it."""
    parts = wire.objects(wire.as_object(candidate.get("content")).get("parts"))
    return "".join(wire.text_of(part.get("text")) for part in parts if part.get("thought") is not True)


def _read_calls(event: bytes) -> CallPieces | None:
    """Return the calls."""
    if b'"functionCall"' not in event:
        return None
    candidate = next(iter(wire.objects(wire.data_of(event).get("candidates"))), {})
    calls = tuple(gemini_calls.read(candidate))
    return CallPieces(_text(candidate), calls) if calls else None


def _read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    data = wire.data_of(event)
    candidate = next(iter(wire.objects(data.get("candidates"))), {})
    blocked = wire.as_object(data.get("promptFeedback")).get("blockReason")
    return _FINISH.read(candidate.get("finishReason")) or ("content_filter" if blocked else None)


def _read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return wire.usage_in(event, "usageMetadata", "promptTokenCount", "candidatesTokenCount")


def _read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    loaded = wire.load(body)
    data = next(iter(wire.objects(loaded)), {}) if isinstance(loaded, list) else wire.as_object(loaded)
    if not is_success(status) or data.get("error"):
        return _parsed_error(wire.as_object(data.get("error")))
    candidate = next(iter(wire.objects(data.get("candidates"))), {})
    usage = wire.as_object(data.get("usageMetadata"))
    blocked = wire.as_object(data.get("promptFeedback"))
    return ParsedBody(
        _text(candidate),
        wire.count_of(usage.get("promptTokenCount")),
        wire.count_of(usage.get("candidatesTokenCount")),
        finish=_FINISH.read(candidate.get("finishReason"))
        or ("content_filter" if blocked.get("blockReason") else None),
        calls=tuple(gemini_calls.read(candidate)),
    )


def _parsed_error(error: dict[str, Any]) -> ParsedBody:
    stated = (item.get("retryDelay") for item in wire.objects(error.get("details")))
    waits = (delays.read(delay) for delay in stated if isinstance(delay, str))
    wait_ns = next((wait for wait in waits if wait is not None), None)
    return ParsedBody(
        error_code=wire.code_of(error.get("status"), error.get("code")),
        retry_after_ns=delays.in_words(error.get("message")) if wait_ns is None else wait_ns,
    )


GEMINI = Dialect(
    name="gemini",
    base_path="",
    framing=SERVER_SENT,
    keepalive=_KEEPALIVE,
    last_event=None,
    error_header=None,
    models=f"{_API_PATH}/models?pageSize=1000",
    request=_request,
    authorize=_authorize,
    parse=_parse,
    succeed=_succeed,
    fail=partial(google_errors.fail, _ERRORS, _STATUS),
    error_event=partial(google_errors.error_event, _ERRORS, _STATUS),
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
    embed=google_embeddings.gemini(_API_PATH),
    litellm=LiteLLMNames(
        provider="gemini",
        path=_API_PATH,
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        families=None,
        takes_unknown=False,
        model=str,
        addresses=(),
        defaults={},
        home="https://generativelanguage.googleapis.com",
    ),
    openai_client=None,
    sdk="GOOGLE_GEMINI_BASE_URL={address}",
    of_vendor=None,
    cache_usage=CacheUsage(prices=CachePrices(read=0.1)),
)
