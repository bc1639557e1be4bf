"""What is each vendor's own among those that speak OpenAI's chat completions. A vendor without a row is plain.

Each row names where its facts are from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Problem
from harness.provider.dialects.chat import ChatError, Flavour
from harness.provider.dialects.openai import ERRORS, OPENAI
from harness.provider.limit import Quota
from harness.provider.reply import Headers
from harness.quantities import S

Shape = Callable[[int, ChatError, str], dict[str, Any]]
"""Returns the body of an error, given its status, its words and its message with the model's name filled in."""


def under_error(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return OpenAI's own shape."""
    return {"error": error.body(message)}


def at_the_top(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return the fields of the error without an object around them."""
    return {"object": "error", **error.body(message)}


def as_text(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return a code, and the message under `error`."""
    return {"code": error.code or error.type, "error": message}


def in_envelope(_status: int, error: ChatError, message: str) -> dict[str, Any]:
    """Return the envelope of Cloudflare's API, with a number for a code."""
    return {
        "errors": [{"message": message, "code": int(error.code or 0)}],
        "success": False,
        "result": {},
        "messages": [],
    }


class Vendor(NamedTuple):
    """One vendor.

    Attributes:
        source: Where the facts are from.
        base: What a client appends to the host before `/chat/completions`.
        keys: Environment variables that LiteLLM reads the key from; `NAME_API_KEY` if none.
        request_id: The header that names a call.
        flavour: What its answers have beside OpenAI's fields.
        errors: Its words for those problems that it does not call as OpenAI does.
        statuses: Those of its statuses that are unusual.
        shape: Of an error's body.
        limits: Returns the headers with what is left of its limits, given the time in nanoseconds since 1970; None if it sends none.
    """

    source: str
    base: str = "/v1"
    keys: tuple[str, ...] = ()
    request_id: str = "x-request-id"
    flavour: Flavour = Flavour()
    errors: Mapping[Problem, ChatError] = {}
    statuses: Mapping[Problem, int] = {}
    shape: Shape = under_error
    limits: Callable[[Quota, int], Headers] | None = None

    def error(self, problem: Problem) -> ChatError:
        """Return the words for a problem."""
        return self.errors.get(problem) or ERRORS[problem]


def _of_mistral(quota: Quota, _wall_ns: int) -> Headers:
    return tuple(
        pair
        for name, level in (("req-minute", quota.requests), ("tokens-minute", quota.tokens))
        if level is not None
        for pair in (
            (f"x-ratelimit-limit-{name}", str(level.limit)),
            (f"x-ratelimit-remaining-{name}", str(level.remaining)),
        )
    )


def _of_cerebras(quota: Quota, _wall_ns: int) -> Headers:
    return tuple(
        pair
        for name, level in (("requests-day", quota.requests), ("tokens-minute", quota.tokens))
        if level is not None
        for pair in (
            (f"x-ratelimit-limit-{name}", str(level.limit)),
            (f"x-ratelimit-remaining-{name}", str(level.remaining)),
            (f"x-ratelimit-reset-{name}", f"{level.reset_ns / S:.3f}"),
        )
    )


def _numbered(code: int, message: str) -> ChatError:
    return ChatError(None, str(code), message)


_NEURONS = (
    "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade to Cloudflare's "
    "Workers Paid plan if you would like to continue usage."
)

PLAIN = Vendor(source="https://platform.openai.com/docs/api-reference/chat")

_XAI_SPENT = (
    "Your team has either used all available credits or reached its monthly spending limit. To continue making API requests, "
    "please purchase more credits or raise your spending limit."
)

VENDORS: Mapping[str, Vendor] = {
    "groq": Vendor(
        source="https://console.groq.com/docs/rate-limits, https://console.groq.com/docs/errors",
        base="/openai/v1",
        flavour=Flavour(every=',"service_tier":"on_demand"', usage_at_finish=False),
        errors={
            "rate_limit": ChatError(
                "requests",
                "rate_limit_exceeded",
                "Rate limit reached for model `{model}` in organization `org_mock` service tier `on_demand` on requests "
                "per minute (RPM): Limit 30, Used 30, Requested 1.",
            ),
            "server_error": ChatError("internal_server_error", None, "Internal Server Error"),
            "unavailable": ChatError("internal_server_error", None, "Service Unavailable"),
            "overloaded": ChatError(
                "internal_server_error", None, "{model} is currently over capacity. Please try again and back off."
            ),
            "too_large": ChatError("tokens", "rate_limit_exceeded", "Request too large for model `{model}`."),
        },
        limits=OPENAI.quota_headers,
    ),
    "mistral": Vendor(
        source="https://docs.mistral.ai/api, https://docs.mistral.ai/deployment/laplateforme/tier/",
        flavour=Flavour(id_prefix="", usage_at_finish=True),
        request_id="mistral-correlation-id",
        errors={
            "rate_limit": ChatError("rate_limited", "1300", "Rate limit exceeded"),
            "overloaded": ChatError("service_tier_capacity_exceeded", "3505", "Service tier capacity exceeded."),
            "server_error": ChatError("internal_server_error", "3000", "Internal server error"),
            "unavailable": ChatError("unreachable_backend", "1100", "Service unavailable."),
            "invalid_request": ChatError("invalid_request_error", "3051", "Invalid request."),
            "not_found": ChatError("invalid_model", "1500", "Invalid model: {model}"),
            "auth": ChatError("unauthorized", "1000", "Unauthorized"),
        },
        statuses={"overloaded": 429, "invalid_request": 422, "not_found": 400},
        shape=at_the_top,
        limits=_of_mistral,
    ),
    "cerebras": Vendor(
        source="https://inference-docs.cerebras.ai/support/rate-limits, https://inference-docs.cerebras.ai/support/error",
        errors={
            "rate_limit": ChatError(
                "too_many_requests_error",
                "request_quota_exceeded",
                "Requests per minute limit exceeded - too many requests sent.",
                "quota",
            ),
            "quota": ChatError(
                "too_many_tokens_error", "token_quota_exceeded", "Tokens per day limit exceeded.", "quota"
            ),
            "overloaded": ChatError(
                "too_many_requests_error",
                "queue_exceeded",
                "We're experiencing high traffic right now! Please try again soon.",
                "queue",
            ),
            "not_found": ChatError("not_found_error", "model_not_found", "Model {model} does not exist.", "model"),
            "auth": ChatError("invalid_request_error", "wrong_api_key", "Wrong API Key", "api_key"),
        },
        statuses={"overloaded": 429},
        shape=lambda _status, error, message: error.body(message),
        limits=_of_cerebras,
    ),
    "xai": Vendor(
        source="https://docs.x.ai/docs/key-information/debugging, https://github.com/continuedev/continue/issues/10778, "
        "https://github.com/continuedev/continue/issues/10740",
        errors={
            "rate_limit": ChatError(None, "Some resource has been exhausted", "Too many requests."),
            "quota": ChatError(None, "Some resource has been exhausted", _XAI_SPENT),
            "spend_limit": ChatError(None, "Some resource has been exhausted", _XAI_SPENT),
            "auth": ChatError(
                None,
                "Client specified an invalid argument",
                "Incorrect API key provided. You can obtain an API key from https://console.x.ai.",
            ),
            "permission": ChatError(
                None, "The caller does not have permission to execute the specified operation", "Permission denied."
            ),
            "not_found": ChatError(
                None,
                "Some requested entity was not found",
                "The model {model} does not exist or your team does not have access to it.",
            ),
        },
        statuses={"auth": 400},
        shape=as_text,
        limits=OPENAI.quota_headers,
    ),
    "cloudflare": Vendor(
        source="https://developers.cloudflare.com/workers-ai/platform/errors/, https://github.com/cloudflare/ai/issues/657",
        base="/client/v4/accounts/mock/ai/v1",  # LiteLLM 1.100 and later; 1.90 asks in the native format
        request_id="cf-ray",
        errors={
            "rate_limit": _numbered(3021, "AiError: AiError: rate limiting: inference request per min rate reached"),
            "quota": _numbered(3036, _NEURONS),
            "spend_limit": _numbered(3036, _NEURONS),
            "overloaded": _numbered(3040, "Capacity temporarily exceeded, please try again."),
            "server_error": _numbered(3043, "AiError: AiError: Internal server error"),
            "unavailable": _numbered(3043, "AiError: AiError: Service unavailable"),
            "timeout": _numbered(3007, "AiError: AiError: Request timeout"),
            "context_length": _numbered(
                5021,
                "AiError: AiError: The estimated number of input and maximum output tokens (144512) exceeded this model "
                "context window limit (128000).",
            ),
            "content_filter": _numbered(3030, "AiError: AiError: the prompt was blocked by a content filter"),
            "invalid_request": _numbered(
                5006, "AiError: AiError: Bad input: Error: required properties at '/' are 'messages'"
            ),
            "auth": _numbered(10000, "Authentication error"),
            "permission": _numbered(5018, "This account is not allowed to access this model"),
            "not_found": _numbered(5007, "AiError: AiError: No such model {model} or task"),
            "too_large": _numbered(3006, "AiError: AiError: Request is too large"),
            "unknown_path": _numbered(7000, "No route for that URI"),
        },
        statuses={"overloaded": 429, "timeout": 408, "context_length": 413, "not_found": 400, "unknown_path": 400},
        shape=in_envelope,
    ),
}
"""By LiteLLM's name."""
