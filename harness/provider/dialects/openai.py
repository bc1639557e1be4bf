"""OpenAI: chat completions, and responses."""

from __future__ import annotations

from harness.provider.answer import Answer, Call, Delay, ParsedBody, Problem
from harness.provider.dialects import calls, chat, common, delays, responses
from harness.provider.dialects.chat import Error
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider

BASE_PATH = "/v1"
KEEPALIVE = chat.KEEPALIVE

_CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})
_RESPONSES = frozenset({"/v1/responses", "/responses"})
_FLAVOUR = chat.Flavour()

ERRORS: dict[Problem, Error] = {
    "rate_limit": Error(
        "requests",
        "rate_limit_exceeded",
        "Rate limit reached for {model} in organization org-mock on requests per min (RPM): "
        "Limit 500, Used 500, Requested 1.",
    ),
    "quota": Error(
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    ),
    "spend_limit": Error(
        "insufficient_quota",
        "organization_spend_limit_exceeded",
        "Your organization has reached its enforced monthly spend limit.",
    ),
    "overloaded": Error(
        "server_error",
        "server_is_overloaded",
        "The engine is currently overloaded, please try again later.",
    ),
    "server_error": Error(
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    "unavailable": Error("server_error", "server_is_overloaded", "The service is temporarily unavailable."),
    "timeout": Error("server_error", "timeout", "Request timed out."),
    "context_length": Error(
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. "
        "Please reduce the length of the messages.",
        "messages",
    ),
    "content_filter": Error(
        "invalid_request_error",
        "content_policy_violation",
        "Your request was rejected as a result of our safety system.",
    ),
    "invalid_request": Error(
        "invalid_request_error",
        None,
        "We could not parse the JSON body of your request: a `model` and a prompt are needed.",
    ),
    "auth": Error(
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    "permission": Error(
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "not_found": Error(
        "invalid_request_error",
        "model_not_found",
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    "too_large": Error("invalid_request_error", "request_too_large", "Request too large."),
    "unknown_path": Error("invalid_request_error", "unknown_url", "Unknown request URL."),
}


def parse(method: str, path: str, body: bytes) -> Call:
    """Return the call; see `Dialect`."""
    bare = path.partition("?")[0]
    if method == "POST" and bare in _CHAT:
        return calls.read(body)
    if method == "POST" and bare in _RESPONSES:
        return responses.read(body)
    return Call(problem="unknown_path")


def succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a provider that is well; see `Dialect`."""
    said = common.say(provider.reply, call, attempt_id)
    headers = (
        ("x-request-id", f"req_{said.sha256[:32]}"),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", str(provider.reply.ttft // delays.MS)),
    )
    if call.api:
        return responses.answer(provider, call, attempt_id, said, headers=headers)
    return chat.answer(provider, call, attempt_id, said, headers=headers, flavour=_FLAVOUR)


def fail(
    call: Call,
    attempt_id: str,
    *,
    status: int | None = None,
    problem: Problem | None = None,
    delay: Delay | None = None,
) -> Answer:
    """Return an error answer; see `Dialect`."""
    status, problem = common.failing(status, problem)
    told = delays.tell(delay, "seconds+ms")
    error = ERRORS[problem]
    message = chat.named(error.message, call)
    if told.usual and problem == "rate_limit":  # its words say it too
        message += f" Please try again in {delays.spelled(told.ns or 0)}."
    headers = (
        ("x-request-id", f"req_{common.name(attempt_id, 'error')}"),
        ("openai-processing-ms", "1"),
        *told.headers,
    )
    return Answer(
        reply=common.failure(status, headers, {"error": error.body(delays.with_words(message, told))}),
        error_code=error.code or error.type,
        retry_after_ns=told.ns,
    )


def error_event(call: Call, attempt_id: str, problem: Problem) -> bytes:
    """Return the event by which a stream ends in an error; see `Dialect`."""
    error = ERRORS[problem]
    if call.api:
        return responses.error_events(call, attempt_id, error)
    return chat.error_event(error.body(chat.named(error.message, call)))


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter; see `Dialect`."""
    return responses.filtered(event) if responses.is_event(event) else chat.filtered(event)


def emptied(event: bytes) -> bytes:
    """Return an end without text; see `Dialect`."""
    return responses.emptied(event) if responses.is_event(event) else chat.emptied(event)


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage; see `Dialect`."""
    return responses.without_usage(event) if responses.is_event(event) else chat.without_usage(event)


def quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits; see `Dialect`."""
    del wall_ns
    headers: list[tuple[str, str]] = []
    for name, level in (("requests", quota.requests), ("tokens", quota.tokens)):
        if level is not None:
            headers += [
                (f"x-ratelimit-limit-{name}", str(level.limit)),
                (f"x-ratelimit-remaining-{name}", str(level.remaining)),
                (f"x-ratelimit-reset-{name}", delays.spelled(level.reset_ns)),
            ]
    return tuple(headers)


authorize = chat.authorize


def read_event(event: bytes) -> Send:
    """Return an event of a real stream as what it is; see `Dialect`."""
    return responses.read_event(event) if responses.is_event(event) else chat.read_event(event)


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return what a real plain answer says; see `Dialect`."""
    return responses.read_body(status, body) if responses.is_body(body) else chat.read_body(status, body)
