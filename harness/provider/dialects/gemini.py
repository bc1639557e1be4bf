"""Gemini: the model and the wish for a stream stand in the address, and a delay in the error's body."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from harness.http_rules import is_success
from harness.provider.answer import Answer, Call, Delay, ParsedBody, Problem
from harness.provider.dialects import calls, chat, common, delays, wire
from harness.provider.dialects.common import Events, Said, quoted
from harness.provider.dialects.delays import NOTHING, Told
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider

BASE_PATH = ""
KEEPALIVE = b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"index":0}]}\n\n'
"""An event without content: it has no comments, and Google's SDK takes one for a broken answer."""

_PATH = re.compile(r"(?:/v1beta|/v1alpha|/v1)?/models/([^/?]{1,600}):(generateContent|streamGenerateContent)")
_FIELDS = calls.Fields(prompt="contents", system="system", limits=("maxOutputTokens", "max_output_tokens"))
_HEADERS = (("vary", "Origin"), ("x-content-type-options", "nosniff"))
_TYPE = "type.googleapis.com/google.rpc."
_QUOTA = "generativelanguage.googleapis.com/generate_content_requests"
_STATUS: dict[Problem, int] = {"auth": 400, "too_large": 400}
_UNAUTHENTICATED = 401


class _Error(NamedTuple):
    """What is wrong: Google's name of the status, words, and what stands under `details`."""

    status: str
    message: str
    details: tuple[dict[str, Any], ...] = ()


def _over(quota_id: str, value: str) -> dict[str, Any]:
    violation = {
        "quotaMetric": _QUOTA,
        "quotaId": quota_id,
        "quotaDimensions": {"location": "global", "model": "{model}"},
        "quotaValue": value,
    }
    return {"@type": f"{_TYPE}QuotaFailure", "violations": [violation]}


_HELP = {
    "@type": f"{_TYPE}Help",
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
_ERRORS: dict[Problem, _Error] = {
    "rate_limit": _Error(
        "RESOURCE_EXHAUSTED", _EXCEEDED, (_over("GenerateRequestsPerMinutePerProjectPerModel", "60"), _HELP)
    ),
    "quota": _Error(
        "RESOURCE_EXHAUSTED", _EXCEEDED, (_over("GenerateRequestsPerDayPerProjectPerModel", "1000"), _HELP)
    ),
    "spend_limit": _Error("RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap."),
    "overloaded": _Error("UNAVAILABLE", "The model is overloaded. Please try again later."),
    "server_error": _Error("INTERNAL", "An internal error has occurred. Please retry."),
    "unavailable": _Error("UNAVAILABLE", "The service is currently unavailable."),
    "timeout": _Error("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "context_length": _Error(
        "INVALID_ARGUMENT",
        "The input token count (1048600) exceeds the maximum number of tokens allowed (1048576).",
    ),
    "content_filter": _Error("INVALID_ARGUMENT", "The prompt was blocked by the safety settings."),
    "invalid_request": _Error("INVALID_ARGUMENT", "Invalid JSON payload received: `contents` is needed."),
    "auth": _Error(
        "INVALID_ARGUMENT",
        "API key not valid. Please pass a valid API key.",
        (
            {
                "@type": f"{_TYPE}ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
                "metadata": {"service": "generativelanguage.googleapis.com"},
            },
        ),
    ),
    "permission": _Error("PERMISSION_DENIED", "The caller does not have permission"),
    "not_found": _Error(
        "NOT_FOUND",
        "models/{model} is not found for API version v1beta, or is not supported for generateContent. "
        "Call ListModels to see the list of available models and their supported methods.",
    ),
    "too_large": _Error("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    "unknown_path": _Error("NOT_FOUND", "Requested entity was not found."),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`. The address may leave its version out, as some clients do."""
    match = _PATH.fullmatch(path.partition("?")[0])
    if method != "POST" or match is None:
        return Call(problem="unknown_path")
    model = unquote(match[1])
    data = calls.load(body)
    if data is None:
        return Call(problem="invalid_request")
    config = wire.as_object(data.get("generationConfig") or data.get("generation_config"))
    said = {
        "contents": data.get("contents"),
        "system": [data.get("systemInstruction") or data.get("system_instruction")],
        "maxOutputTokens": config.get("maxOutputTokens"),
        "max_output_tokens": config.get("max_output_tokens"),
    }
    call = calls.understood(said, model, _FIELDS)
    return call._replace(streaming=match[2] == "streamGenerateContent", usage=True)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    spec = provider.reply
    said = common.say(spec, call, attempt_id)
    model = quoted(call.model or provider.model)
    finish = f'"finishReason":"{"STOP" if said.finish else "MAX_TOKENS"}",'
    total = call.prompt_tokens + said.tokens
    usage = (
        f'"usageMetadata":{{"promptTokenCount":{call.prompt_tokens},"candidatesTokenCount":{said.tokens},'
        f'"totalTokenCount":{total}}}'
    )
    headers = (*_HEADERS, ("x-request-id", said.sha256[:32]))
    if not call.streaming:
        before, after = _around(model, said, finish, usage)
        return common.plain(spec, said, call, headers, f"{{{before}{said.text}{after}}}".encode())
    begun = f'"usageMetadata":{{"promptTokenCount":{call.prompt_tokens},"totalTokenCount":{call.prompt_tokens}}}'
    before, after = _around(model, said, "", begun)
    tokens = common.tokens_of(attempt_id, said, f"data: {{{before}".encode(), f"{after}}}\n\n".encode())
    before, after = _around(model, said, finish, usage)
    closing = [Send(f"data: {{{before}{after}}}\n\n".encode(), part="finish")]
    return common.stream(spec, said, call, headers, Events(b"", tokens, closing))


def _around(model: str, said: Said, finish: str, usage: str) -> tuple[str, str]:
    """Return what stands in an answer, or in an event of one, before the text and after it."""
    return (
        '"candidates":[{"content":{"parts":[{"text":"',
        f'"}}],"role":"model"}},{finish}"index":0}}],{usage},"modelVersion":{model},"responseId":"{said.sha256[:22]}"',
    )


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`."""
    status, problem = common.failing(status, problem, _STATUS)
    told = delays.tell(delay, "body")
    body = _body(call, status, problem, told)
    headers = (*_HEADERS, ("x-request-id", common.name(attempt_id, "error")), *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=body["status"],
        retry_after_ns=told.ns,
    )


def _body(call: Call, status: int, problem: Problem, told: Told) -> dict[str, Any]:
    error = _ERRORS[problem]
    message = chat.named(error.message, call)
    details = json.loads(json.dumps(error.details).replace('"{model}"', quoted(call.model or "unknown")))
    if told.in_body:
        seconds, ms = divmod((told.ns or 0) // delays.MS, 1000)
        message += f" Please retry in {seconds}.{ms:03d}s."
        delay = f"{seconds}.{ms:03d}s" if ms else f"{seconds}s"  # as protobuf writes a duration
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": delay})
    name = "UNAUTHENTICATED" if status == _UNAUTHENTICATED else error.status
    body: dict[str, Any] = {"code": status, "message": message, "status": name}
    if details:
        body["details"] = details
    return body


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    del attempt_id
    status, problem = common.failing(None, problem, _STATUS)
    return chat.error_event(_body(call, status, problem, NOTHING))


def filtered(event: bytes) -> bytes:
    """Return an end that names the safety filter; see `Dialect`."""
    data = wire.data_of(event)
    ended = [candidate for candidate in wire.objects(data.get("candidates")) if candidate.get("finishReason")]
    for candidate in ended:
        candidate["finishReason"] = "SAFETY"
        candidate["safetyRatings"] = [
            {"category": "HARM_CATEGORY_DANGEROUS_CONTENT", "probability": "HIGH", "blocked": True}
        ]
    return wire.with_data(event, data) if ended else event


def emptied(event: bytes) -> bytes:
    """Return an end without text; see `Dialect`."""
    data = wire.data_of(event)
    full = [candidate for candidate in wire.objects(data.get("candidates")) if _text(candidate)]
    for candidate in full:
        candidate["content"] = {"parts": [{"text": ""}], "role": "model"}
    return wire.with_data(event, data) if full else event


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; see `Dialect`."""
    kept = wire.without(event, "usageMetadata")
    return b"" if kept != event and not wire.data_of(kept).get("candidates") else kept


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: it tells its limits in errors alone; see `Dialect`."""
    del quota, wall_ns
    return ()


def authorize(key: str) -> tuple[str, str]:
    """Return the header that carries an API key; see `Dialect`."""
    return ("x-goog-api-key", key)


def read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is; see `Dialect`. Its last has often both text and a reason."""
    data = wire.data_of(event)
    candidate = next(iter(wire.objects(data.get("candidates"))), None)
    if candidate is None:
        return Send(event, part="usage" if data.get("usageMetadata") else "")
    return Send(event, _text(candidate), "finish" if candidate.get("finishReason") else "")


def _text(candidate: dict[str, Any]) -> str:
    """Return what a candidate says; thoughts are not part of it."""
    parts = wire.objects(wire.as_object(candidate.get("content")).get("parts"))
    return "".join(wire.text_of(part.get("text")) for part in parts if part.get("thought") is not True)


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return what a real plain answer says; see `Dialect`."""
    loaded = wire.load(body)
    data = next(iter(wire.objects(loaded)), {}) if isinstance(loaded, list) else wire.as_object(loaded)
    if not is_success(status) or data.get("error"):
        return _heard_error(wire.as_object(data.get("error")))
    candidate = next(iter(wire.objects(data.get("candidates"))), {})
    usage = wire.as_object(data.get("usageMetadata"))
    blocked = wire.as_object(data.get("promptFeedback"))
    return ParsedBody(
        _text(candidate),
        wire.count_of(usage.get("promptTokenCount")),
        wire.count_of(usage.get("candidatesTokenCount")),
        finish=wire.word_of(candidate.get("finishReason")) or ("SAFETY" if blocked.get("blockReason") else None),
    )


def _heard_error(error: dict[str, Any]) -> ParsedBody:
    told = (item.get("retryDelay") for item in wire.objects(error.get("details")))
    waits = (delays.read(delay) for delay in told if isinstance(delay, str))
    wait_ns = next((wait for wait in waits if wait is not None), None)
    return ParsedBody(
        error_code=wire.code_of(error.get("status"), error.get("code")),
        retry_after_ns=delays.in_words(error.get("message")) if wait_ns is None else wait_ns,
    )
