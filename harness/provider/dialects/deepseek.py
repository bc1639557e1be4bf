"""DeepSeek: OpenAI's chat completions with errors of its own; while a call is queued it sends comments."""

from __future__ import annotations

from functools import partial

from harness.provider.answer import Answer, Call, Problem, Refusal
from harness.provider.dialects import calls, chat, common, delays, rules, wire
from harness.provider.dialects.chat import ChatError
from harness.provider.dialects.declaration import Dialect, LiteLLMNames, OpenAIClient
from harness.provider.dialects.framing import SERVER_SENT
from harness.provider.dialects.prefixes import CachePrices
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.provider.spec import Provider

_PATH = "/chat/completions"
_PATHS = frozenset({_PATH, f"/v1{_PATH}", f"/beta{_PATH}"})
_FLAVOUR = chat.Flavour(id_prefix="", usage_at_finish=True, cached="hits and misses")
_FIELDS = calls.CHAT._replace(broken=rules.of_deepseek)
_STATUS: dict[Problem, int] = {"quota": 402, "spend_limit": 402, "invalid_request": 422, "not_found": 400}
_INVALID = "invalid_request_error"

# Most of its errors have the same code, but different types and statuses.
_ERRORS = common.for_every_problem(
    {
        "rate_limit": ChatError("rate_limit_error", "rate_limit_error", "Rate limit reached for {model}."),
        "quota": ChatError("unknown_error", _INVALID, "Insufficient Balance"),
        "spend_limit": ChatError("unknown_error", _INVALID, "Insufficient Balance"),
        "overloaded": ChatError(
            "service_unavailable_error",
            "service_unavailable_error",
            "Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.",
        ),
        "server_error": ChatError("internal_error", "internal_error", "Internal Server Error"),
        "unavailable": ChatError("service_unavailable_error", "service_unavailable_error", "Service Unavailable"),
        "timeout": ChatError("timeout_error", "timeout_error", "Request timed out."),
        "context_length": ChatError(
            _INVALID,
            _INVALID,
            "This model's maximum context length is {window:131072} tokens. However, you requested {tokens:140001} tokens. "
            "Please reduce the length of the messages or completion.",
        ),
        "content_filter": ChatError(_INVALID, _INVALID, "Content Exists Risk"),
        "invalid_request": ChatError(
            _INVALID, _INVALID, "Failed to deserialize the JSON body into the target type: missing field `messages`"
        ),
        "auth": ChatError("authentication_error", _INVALID, "Authentication Fails, Your api key is invalid"),
        "permission": ChatError("permission_error", _INVALID, "You do not have permission to access this resource."),
        "not_found": ChatError(_INVALID, _INVALID, "Model Not Exist"),
        "too_large": ChatError(_INVALID, _INVALID, "Failed to buffer the request body: length limit exceeded"),
        "unknown_path": ChatError(_INVALID, _INVALID, "Not Found"),
    }
)


def _parse(method: str, path: str, body: bytes) -> Call:
    """Return the call."""
    if method != "POST" or path.partition("?")[0] not in _PATHS:
        return Call(problem="unknown_path")
    return calls.read(body, fields=_FIELDS)


def _succeed(provider: Provider, call: Call, attempt_id: str) -> Answer:
    """Return the answer of a healthy provider."""
    mock = common.mock_answer(provider.reply, call, attempt_id)
    headers = (("x-ds-trace-id", mock.sha256[:32]),)
    return chat.answer(provider, call, attempt_id, mock, headers=headers, flavour=_FLAVOUR)


def _fail(refusal: Refusal) -> Answer:
    """Return an error answer. It sends no Retry-After by itself, but one that is asked for as others do."""
    status, problem = common.failing(refusal, _STATUS)
    sent = delays.sent(refusal.delay, "seconds")
    error = chat.stated(_ERRORS[problem], refusal)
    message = delays.with_words(common.named(error.message, refusal.call), sent)
    headers = (("x-ds-trace-id", common.name(refusal.attempt_id, "error")), *sent.headers)
    return Answer(
        reply=common.failure(status, headers, {"error": error.body(message)}),
        error_code=error.code,
        retry_after_ns=sent.ns,
    )


def _error_event(refusal: Refusal) -> bytes:
    """Return the event by which a stream ends in an error."""
    error = _ERRORS[common.failing(refusal, _STATUS)[1]]
    return chat.error_event(error.body(common.named(error.message, refusal.call)))


def _quota_headers(quota: Quota, wall_ns: int) -> Headers:
    """Return nothing: its answers have no headers for its limits."""
    del quota, wall_ns
    return ()


DEEPSEEK = Dialect(
    name="deepseek",
    base_path="",
    framing=SERVER_SENT,
    keepalive=chat.KEEPALIVE,
    last_event=chat.LAST_EVENT,
    error_header=None,
    models="/models",
    request=partial(chat.request, _PATH),
    authorize=chat.authorize,
    parse=_parse,
    succeed=_succeed,
    fail=_fail,
    error_event=_error_event,
    filtered=chat.filtered,
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
    embed=None,
    litellm=LiteLLMNames(
        provider="deepseek",
        path="",
        key_variables=("DEEPSEEK_API_KEY",),
        families=None,
        takes_unknown=False,
        model=str,
        addresses=(),
        defaults={},
        home="https://api.deepseek.com",
    ),
    openai_client=OpenAIClient("AsyncOpenAI", lambda url: {"base_url": url}),
    sdk='OpenAI(base_url="{address}")',
    of_vendor=None,
    cache_usage=chat.CACHE_USAGE._replace(prices=CachePrices(read=0.1)),
)
