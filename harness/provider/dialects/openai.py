"""OpenAI: chat completions, responses and embeddings."""

from __future__ import annotations

from functools import partial

from harness.provider.answer import Answer, Call, FinishReason, ParsedBody, Refusal
from harness.provider.dialects import calls, chat, common, delays, embeddings, responses, rules, wire
from harness.provider.dialects.chat import ChatError
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, OpenAIClient
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.limit import Quota
from harness.provider.reply import Headers, Send
from harness.provider.spec import Provider
from harness.provider.tools import CallPieces
from harness.quantities import MS

_BASE_PATH = "/v1"
_PATH = f"{_BASE_PATH}/chat/completions"
_CHAT = frozenset({_PATH, "/chat/completions"})
_RESPONSES = frozenset({"/v1/responses", "/responses"})
_EMBEDDINGS = f"{_BASE_PATH}{embeddings.PATH_END}"
_FLAVOUR = chat.Flavour(cached="always")
_FIELDS = calls.CHAT._replace(broken=rules.of_openai)

ERRORS = common.for_every_problem(
    {
        "rate_limit": ChatError(
            "requests",
            "rate_limit_exceeded",
            "Rate limit reached for {model} in organization org-mock on requests per min (RPM): "
            "Limit 500, Used 500, Requested 1.",
        ),
        "quota": ChatError(
            "insufficient_quota",
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details. For more information on this "
            "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        ),
        "spend_limit": ChatError(
            "insufficient_quota",
            "organization_spend_limit_exceeded",
            "Your organization has reached its enforced monthly spend limit.",
        ),
        "overloaded": ChatError(
            "server_error",
            "server_is_overloaded",
            "The engine is currently overloaded, please try again later.",
        ),
        "server_error": ChatError(
            "server_error",
            None,
            "The server had an error while processing your request. Sorry about that!",
        ),
        "unavailable": ChatError("server_error", "server_is_overloaded", "The service is temporarily unavailable."),
        "timeout": ChatError("server_error", "timeout", "Request timed out."),
        "context_length": ChatError(
            "invalid_request_error",
            "context_length_exceeded",
            "This model's maximum context length is {window:8192} tokens. However, your messages resulted in {tokens:9001} tokens. "
            "Please reduce the length of the messages.",
            "messages",
        ),
        "content_filter": ChatError(
            "invalid_request_error",
            "content_policy_violation",
            "Your request was rejected as a result of our safety system.",
        ),
        "invalid_request": ChatError(
            "invalid_request_error",
            None,
            "We could not parse the JSON body of your request: a `model` and a prompt are needed.",
        ),
        "auth": ChatError(
            "invalid_request_error",
            "invalid_api_key",
            "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
        ),
        "permission": ChatError(
            "request_forbidden",
            "unsupported_country_region_territory",
            "Country, region, or territory not supported",
        ),
        "not_found": ChatError(
            "invalid_request_error",
            "model_not_found",
            "The model `{model}` does not exist or you do not have access to it.",
        ),
        "too_large": ChatError("invalid_request_error", "request_too_large", "Request too large."),
        "unknown_path": ChatError("invalid_request_error", "unknown_url", "Unknown request URL."),
    }
)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call."""
    bare = path.partition("?")[0]
    if method == "POST" and bare in _CHAT:
        return calls.read(body, fields=_FIELDS)
    if method == "POST" and bare in _RESPONSES:
        return responses.read(body)
    if method == "POST" and bare in (_EMBEDDINGS, embeddings.PATH_END):
        return embeddings.parse(body)
    return Call(problem="unknown_path")


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    mock = common.mock_answer(provider.reply, call, attempt_id)
    headers = (
        ("x-request-id", f"req_{mock.sha256[:32]}"),
        ("openai-version", "2020-10-01"),
        ("openai-processing-ms", str(provider.reply.ttft // MS)),
    )
    if call.api == embeddings.API:
        return embeddings.answer(provider, mock, call, headers)
    if call.api:
        return responses.answer(provider, call, attempt_id, mock, headers=headers)
    return chat.answer(provider, call, attempt_id, mock, headers=headers, flavour=_FLAVOUR)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer."""
    status, problem = common.failing(refusal)
    sent = delays.sent(refusal.delay, "seconds+ms")
    error = chat.stated(ERRORS[problem], refusal)
    message = common.named(error.message, refusal.call)
    if sent.usual and problem == "rate_limit":  # its message holds the delay too
        message += f" Please try again in {delays.spelled(sent.ns or 0)}."
    headers = (
        ("x-request-id", f"req_{common.name(refusal.attempt_id, 'error')}"),
        ("openai-processing-ms", "1"),
        *sent.headers,
    )
    return Answer(
        reply=common.failure(status, headers, {"error": error.body(delays.with_words(message, sent))}),
        error_code=error.code or error.type,
        retry_after_ns=sent.ns,
    )


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    return error_event(refusal, ERRORS[common.failing(refusal)[1]])


def error_event(refusal: Refusal, error: ChatError) -> bytes:
    """Return the event by which a stream of chat completions or of a response ends in an error."""
    if refusal.call.api:
        return responses.error_events(refusal, error)
    return chat.error_event(error.body(common.named(error.message, refusal.call)))


def filtered(event: bytes) -> bytes:
    """Return an end that names the content filter."""
    return responses.filtered(event) if responses.is_event(event) else chat.filtered(event)


def emptied(event: bytes) -> bytes:
    """Return an end without text."""
    return responses.emptied(event) if responses.is_event(event) else chat.emptied(event)


def without_usage(event: bytes) -> bytes:
    """Return an event without its usage."""
    return responses.without_usage(event) if responses.is_event(event) else chat.without_usage(event)


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return what is left of the limits."""
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


def read_event(event: bytes) -> Send:
    """Return an event with its text and its role."""
    return responses.read_event(event) if responses.is_event(event) else chat.read_event(event)


def read_body(status: int, body: bytes) -> ParsedBody:
    """Return the content of a plain answer."""
    return responses.read_body(status, body) if responses.is_body(body) else chat.read_body(status, body)


def read_calls(event: bytes) -> CallPieces | None:
    """Return the pieces of calls."""
    return responses.read_calls(event) if responses.is_event(event) else chat.read_calls(event)


def read_finish(event: bytes) -> FinishReason | None:
    """Return why the answer ended."""
    return responses.read_finish(event) if responses.is_event(event) else chat.read_finish(event)


def read_usage(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    return responses.read_usage(event) if responses.is_event(event) else chat.read_usage(event)


OPENAI = Dialect(
    name="openai",
    base_path=_BASE_PATH,
    framing=SERVER_SENT,
    keepalive=chat.KEEPALIVE,
    last_event=chat.LAST_EVENT,
    error_header=None,
    models=f"{_BASE_PATH}/models",
    request=partial(chat.request, _PATH),
    authorize=chat.authorize,
    parse=_parse,
    succeed=_succeed,
    fail=_fail,
    error_event=_error_event,
    filtered=filtered,
    emptied=emptied,
    without_usage=without_usage,
    quota_headers=_quota_headers,
    read_event=read_event,
    read_calls=read_calls,
    read_finish=read_finish,
    read_usage=read_usage,
    read_error=partial(wire.error_in, read_body),
    read_body=read_body,
    is_answer=wire.is_answer,
    embed=embeddings.form(_EMBEDDINGS),
    litellm=LiteLLMNames(
        provider="openai",
        path=_BASE_PATH,
        key_variables=("OPENAI_API_KEY",),
        families=r"gpt-|chatgpt-|o\d",
        takes_unknown=True,
        model=str,
        addresses=(),
        defaults={},
        home="https://api.openai.com",
    ),
    openai_client=OpenAIClient("AsyncOpenAI", lambda url: {"base_url": url + _BASE_PATH}),
    sdk="OPENAI_BASE_URL={address}",
    of_vendor=None,
    cache_usage=chat.CACHE_USAGE,
)
