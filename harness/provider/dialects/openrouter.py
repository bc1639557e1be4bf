"""OpenRouter: OpenAI's chat completions from many hosts, with comments while they work and errors inside streams."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from harness.provider.answer import Answer, Call, Delay, Problem
from harness.provider.dialects import calls, chat, common, delays, wire
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider

BASE_PATH = "/api/v1"
KEEPALIVE = b": OPENROUTER PROCESSING\n\n"

_PATHS = frozenset({"/api/v1/chat/completions", "/v1/chat/completions"})
_HOST = "Mock"
_FLAVOUR = chat.Flavour(
    id_prefix="gen-",
    every=f',"provider":"{_HOST}"',
    choice=',"native_finish_reason":null',
    opening=KEEPALIVE,
    null_usage=False,
)
_STATUS: dict[Problem, int] = {
    "quota": 402,
    "spend_limit": 403,
    "overloaded": 502,
    "timeout": 408,
    "content_filter": 403,
}


class _Error(NamedTuple):
    """What is wrong, and what the host behind it said; None where the fault is found before any host."""

    message: str
    raw: str | None = None


_ERRORS: dict[Problem, _Error] = {
    "rate_limit": _Error("Provider returned error", "{model} is temporarily rate-limited upstream."),
    "quota": _Error("Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
    "spend_limit": _Error(
        "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
    ),
    "overloaded": _Error("Provider returned error", "Overloaded"),
    "server_error": _Error("Internal Server Error"),
    "unavailable": _Error("No instances available for {model}."),
    "timeout": _Error("Request timed out"),
    "context_length": _Error(
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 140001 tokens. "
        "Please reduce the length of the messages."
    ),
    "content_filter": _Error("{model} requires moderation, and your input was flagged."),
    "invalid_request": _Error("Input required: specify a model and a list of messages"),
    "auth": _Error("User not found."),
    "permission": _Error("You do not have permission to use this model."),
    "not_found": _Error("No endpoints found for {model}."),
    "too_large": _Error("Request Entity Too Large"),
    "unknown_path": _Error("Not Found"),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`. Its streams always report their usage."""
    if method != "POST" or path.partition("?")[0] not in _PATHS:
        return Call(problem="unknown_path")
    return calls.read(body)._replace(usage=True)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    said = common.say(provider.reply, call, attempt_id)
    name = said.sha256[:29]
    headers = (("x-generation-id", f"gen-{name}"), ("x-request-id", name))
    return chat.answer(provider, call, attempt_id, said, headers=headers, flavour=_FLAVOUR)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`. Its code is its status."""
    status, problem = common.failing(status, problem, _STATUS)
    told = delays.tell(delay, "seconds")
    body = _body(call, status, problem)
    body["message"] = delays.with_words(body["message"], told)
    headers = (("x-request-id", common.name(attempt_id, "error")), *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=str(status),
        retry_after_ns=told.ns,
    )


def _body(call: Call, status: int, problem: Problem) -> dict[str, Any]:
    error = _ERRORS[problem]
    body: dict[str, Any] = {"message": chat.named(error.message, call), "code": status}
    if error.raw is not None:
        body["metadata"] = {"raw": chat.named(error.raw, call), "provider_name": _HOST}
    elif problem == "content_filter":
        body["metadata"] = {
            "reasons": ["violence"],
            "flagged_input": "…",
            "provider_name": _HOST,
            "model_slug": call.model,
        }
    return body


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error: an ordinary one, with the error beside its choices."""
    status, problem = common.failing(None, problem, _STATUS)
    event = {
        "id": f"gen-{common.name(attempt_id, 'error')}",
        "object": "chat.completion.chunk",
        "created": common.CREATED,
        "model": call.model,
        "provider": _HOST,
        "error": _body(call, status, problem),
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": ""},
                "finish_reason": "error",
                "native_finish_reason": None,
                "logprobs": None,
            }
        ],
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter, in the host's words too; see `Dialect`."""
    changed = chat.filtered(event)
    if changed == event:
        return event
    data = wire.data_of(changed)
    for choice in wire.objects(data.get("choices")):
        choice["native_finish_reason"] = choice.get("finish_reason")
    return wire.with_data(event, data)


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limit of requests; see `Dialect`. It is full again at a time, in milliseconds."""
    level = quota.requests
    if level is None:
        return ()
    return (
        ("x-ratelimit-limit", str(level.limit)),
        ("x-ratelimit-remaining", str(level.remaining)),
        ("x-ratelimit-reset", str(-(-(wall_ns + level.reset_ns) // delays.MS))),
    )


authorize = chat.authorize
emptied = chat.emptied
without_usage = chat.without_usage
read_event = chat.read_event
read_body = chat.read_body
