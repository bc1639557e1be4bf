"""OpenRouter: OpenAI's chat completions from many hosts, with comments while they work and errors inside streams."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, NamedTuple

from harness.provider.answer import Answer, Call, Problem, Refusal
from harness.provider.dialects import calls, chat, common, delays, embeddings, wire
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, OpenAIClient
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider
from harness.quantities import MS

_BASE_PATH = "/api/v1"
_PATH = f"{_BASE_PATH}/chat/completions"
_EMBEDDINGS = f"{_BASE_PATH}{embeddings.PATH_END}"
_PATHS = frozenset({_PATH, "/v1/chat/completions"})
_KEEPALIVE = b": OPENROUTER PROCESSING\n\n"
_HOST = "Mock"
_FLAVOUR = chat.Flavour(
    id_prefix="gen-",
    every=f',"provider":"{_HOST}"',
    choice=',"native_finish_reason":null',
    opening=_KEEPALIVE,
    null_usage=False,
)
_STATUS: dict[Problem, int] = {
    "quota": 402,
    "spend_limit": 403,
    "overloaded": 502,
    "timeout": 408,
    "content_filter": 403,
}


class _RouterError(NamedTuple):
    """An error's message, and what the host behind OpenRouter answered; None if no host was asked."""

    message: str
    raw: str | None = None


_ERRORS = common.for_every_problem(
    {
        "rate_limit": _RouterError("Provider returned error", "{model} is temporarily rate-limited upstream."),
        "quota": _RouterError("Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
        "spend_limit": _RouterError(
            "Key limit exceeded (monthly limit). Manage it using https://openrouter.ai/settings/keys",
        ),
        "overloaded": _RouterError("Provider returned error", "Overloaded"),
        "server_error": _RouterError("Internal Server Error"),
        "unavailable": _RouterError("No instances available for {model}."),
        "timeout": _RouterError("Request timed out"),
        "context_length": _RouterError(
            "This endpoint's maximum context length is {window:131072} tokens. However, you requested about {tokens:140001} tokens. "
            "Please reduce the length of the messages."
        ),
        "content_filter": _RouterError("{model} requires moderation, and your input was flagged."),
        "invalid_request": _RouterError("Input required: specify a model and a list of messages"),
        "auth": _RouterError("User not found."),
        "permission": _RouterError("You do not have permission to use this model."),
        "not_found": _RouterError("No endpoints found for {model}."),
        "too_large": _RouterError("Request Entity Too Large"),
        "unknown_path": _RouterError("Not Found"),
    }
)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call. Its streams always report their usage."""
    bare = path.partition("?")[0]
    if method == "POST" and bare == _EMBEDDINGS:
        return embeddings.parse(body)
    if method != "POST" or bare not in _PATHS:
        return Call(problem="unknown_path")
    return calls.read(body)._replace(usage=True)


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    mock = common.mock_answer(provider.reply, call, attempt_id)
    name = mock.sha256[:29]
    headers = (("x-generation-id", f"gen-{name}"), ("x-request-id", name))
    if call.api == embeddings.API:
        return embeddings.answer(provider, mock, call, headers)
    return chat.answer(provider, call, attempt_id, mock, headers=headers, flavour=_FLAVOUR)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer. Its code is its status."""
    status, problem = common.failing(refusal, _STATUS)
    sent = delays.sent(refusal.delay, "seconds")
    body = _body(refusal.call, status, problem)
    body["message"] = delays.with_words(body["message"], sent)
    headers = (("x-request-id", common.name(refusal.attempt_id, "error")), *sent.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": body}),
        error_code=str(status),
        retry_after_ns=sent.ns,
    )


def _body(call: Call, status: int, problem: Problem) -> dict[str, Any]:
    error = _ERRORS[problem]
    body: dict[str, Any] = {"message": common.named(error.message, call), "code": status}
    if error.raw is not None:
        body["metadata"] = {"raw": common.named(error.raw, call), "provider_name": _HOST}
    elif problem == "content_filter":
        body["metadata"] = {
            "reasons": ["violence"],
            "flagged_input": "…",
            "provider_name": _HOST,
            "model_slug": call.model,
        }
    return body


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error: an ordinary one, with the error beside its choices."""
    status, problem = common.failing(refusal, _STATUS)
    event = {
        "id": f"gen-{common.name(refusal.attempt_id, 'error')}",
        "object": "chat.completion.chunk",
        "created": common.CREATED,
        "model": refusal.call.model,
        "provider": _HOST,
        "error": _body(refusal.call, status, problem),
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


def _filtered(event: bytes) -> bytes:
    """Return an end that names the content filter, in the host's words too."""
    changed = chat.filtered(event)
    if changed == event:
        return event
    data = wire.data_of(changed)
    for choice in wire.objects(data.get("choices")):
        choice["native_finish_reason"] = choice.get("finish_reason")
    return wire.with_data(event, data)


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limit of requests. The time at which it is full again is in milliseconds."""
    level = quota.requests
    if level is None:
        return ()
    return (
        ("x-ratelimit-limit", str(level.limit)),
        ("x-ratelimit-remaining", str(level.remaining)),
        ("x-ratelimit-reset", str(-(-(wall_ns + level.reset_ns) // MS))),
    )


OPENROUTER = Dialect(
    name="openrouter",
    base_path=_BASE_PATH,
    framing=SERVER_SENT,
    keepalive=_KEEPALIVE,
    last_event=chat.LAST_EVENT,
    error_header=None,
    models=f"{_BASE_PATH}/models",
    request=partial(chat.request, _PATH),
    authorize=chat.authorize,
    parse=_parse,
    succeed=_succeed,
    fail=_fail,
    error_event=_error_event,
    filtered=_filtered,
    emptied=chat.emptied,
    without_usage=chat.without_usage,
    quota_headers=_quota_headers,
    read_event=chat.read_event,
    read_calls=chat.read_calls,
    read_finish=chat.read_finish,
    read_usage=chat.read_usage,
    read_error=partial(wire.error_in, chat.read_body),
    read_body=chat.read_body,
    is_answer=wire.is_answer,
    embed=embeddings.form(_EMBEDDINGS),
    litellm=LiteLLMNames(
        provider="openrouter",
        path=_BASE_PATH,
        key_variables=("OPENROUTER_API_KEY", "OR_API_KEY"),
        families=None,
        takes_unknown=False,
        model=str,
        addresses=(),
        defaults={},
        home="https://openrouter.ai",
    ),
    openai_client=OpenAIClient("AsyncOpenAI", lambda url: {"base_url": url + _BASE_PATH}),
    sdk='OpenAI(base_url="{address}")',
    of_vendor=None,
    cache_usage=chat.CACHE_USAGE,
)
