"""DeepSeek: OpenAI's chat completions with errors of its own; while a call is queued it sends comments."""

from __future__ import annotations

from harness.provider.answer import Answer, Call, Delay, Problem
from harness.provider.dialects import calls, chat, common, delays
from harness.provider.dialects.chat import Error
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider

BASE_PATH = ""
KEEPALIVE = chat.KEEPALIVE

_PATHS = frozenset({"/chat/completions", "/v1/chat/completions", "/beta/chat/completions"})
_FLAVOUR = chat.Flavour(id_prefix="", usage_at_finish=True)
_STATUS: dict[Problem, int] = {"quota": 402, "spend_limit": 402, "invalid_request": 422, "not_found": 400}
_INVALID = "invalid_request_error"

# Most of its errors have the same code: their types and statuses tell them apart.
_ERRORS: dict[Problem, Error] = {
    "rate_limit": Error("rate_limit_error", "rate_limit_error", "Rate limit reached for {model}."),
    "quota": Error("unknown_error", _INVALID, "Insufficient Balance"),
    "spend_limit": Error("unknown_error", _INVALID, "Insufficient Balance"),
    "overloaded": Error(
        "service_unavailable_error",
        "service_unavailable_error",
        "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
    ),
    "server_error": Error("internal_error", "internal_error", "Internal Server Error"),
    "unavailable": Error("service_unavailable_error", "service_unavailable_error", "Service Unavailable"),
    "timeout": Error("timeout_error", "timeout_error", "Request timed out."),
    "context_length": Error(
        _INVALID,
        _INVALID,
        "This model's maximum context length is 131072 tokens. However, you requested 140001 tokens. "
        "Please reduce the length of the messages or completion.",
    ),
    "content_filter": Error(_INVALID, _INVALID, "Content Exists Risk"),
    "invalid_request": Error(
        _INVALID, _INVALID, "Failed to deserialize the JSON body into the target type: missing field `messages`"
    ),
    "auth": Error("authentication_error", _INVALID, "Authentication Fails, Your api key is invalid"),
    "permission": Error("permission_error", _INVALID, "You do not have permission to access this resource."),
    "not_found": Error(_INVALID, _INVALID, "Model Not Exist"),
    "too_large": Error(_INVALID, _INVALID, "Failed to buffer the request body: length limit exceeded"),
    "unknown_path": Error(_INVALID, _INVALID, "Not Found"),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`."""
    if method != "POST" or path.partition("?")[0] not in _PATHS:
        return Call(problem="unknown_path")
    return calls.read(body)


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    said = common.say(provider.reply, call, attempt_id)
    headers = (("x-ds-trace-id", said.sha256[:32]),)
    return chat.answer(provider, call, attempt_id, said, headers=headers, flavour=_FLAVOUR)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`. It tells no delay by habit, but one that is asked for as others do."""
    status, problem = common.failing(status, problem, _STATUS)
    told = delays.tell(delay, "seconds")
    error = _ERRORS[problem]
    message = delays.with_words(chat.named(error.message, call), told)
    headers = (("x-ds-trace-id", common.name(attempt_id, "error")), *told.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": error.body(message)}),
        error_code=error.code,
        retry_after_ns=told.ns,
    )


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    del attempt_id
    error = _ERRORS[problem]
    return chat.error_event(error.body(chat.named(error.message, call)))


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: it does not tell its limits; see `Dialect`."""
    del quota, wall_ns
    return ()


authorize = chat.authorize
filtered = chat.filtered
emptied = chat.emptied
without_usage = chat.without_usage
read_event = chat.read_event
read_body = chat.read_body
