"""LiteLLM: which of its exceptions each error of a provider is, and what a whole answer holds."""

from __future__ import annotations

import pytest

from .cases import DELAYS, ERRORS, SHORT, TOKENS, Case
from .heard import LiteLLMError
from .measure import Measured
from .through_litellm import COHERE, LITELLM

_BEDROCK: dict[str, str] = {
    "rate_limit": "RateLimitError",
    "quota": "BadRequestError",
    "spend_limit": "PermissionDeniedError",
    "overloaded": "RateLimitError",
    "server_error": "ServiceUnavailableError",
    "unavailable": "ServiceUnavailableError",
    "timeout": "Timeout",
    "context_length": "ContextWindowExceededError",
    "content_filter": "BadRequestError",
    "invalid_request": "BadRequestError",
    "auth": "AuthenticationError",
    "permission": "PermissionDeniedError",
    "not_found": "NotFoundError",
    "too_large": "BadRequestError",
}
_COHERE: dict[str, str] = {
    **_BEDROCK,
    "quota": "RateLimitError",
    "spend_limit": "PaymentRequiredError",
    "overloaded": "ServiceUnavailableError",
    "server_error": "InternalServerError",
}
_VERTEX: dict[str, str] = {
    **_BEDROCK,
    "quota": "RateLimitError",
    "spend_limit": "RateLimitError",
    "overloaded": "InternalServerError",
    "server_error": "InternalServerError",
    "permission": "BadRequestError",
}
_VERTEX_CLAUDE: dict[str, str] = {
    **_BEDROCK,
    "quota": "PaymentRequiredError",
    "spend_limit": "RateLimitError",
    "overloaded": "APIError",
    "server_error": "InternalServerError",
    "context_length": "BadRequestError",
    "content_filter": "ContentPolicyViolationError",
}
_PLAIN: dict[str, str] = {
    "rate_limit": "RateLimitError",
    "quota": "RateLimitError",
    "spend_limit": "RateLimitError",
    "overloaded": "ServiceUnavailableError",
    "server_error": "InternalServerError",
    "unavailable": "ServiceUnavailableError",
    "timeout": "Timeout",
    "context_length": "ContextWindowExceededError",
    "content_filter": "ContentPolicyViolationError",
    "invalid_request": "BadRequestError",
    "auth": "AuthenticationError",
    "permission": "APIError",
    "not_found": "NotFoundError",
    "too_large": "BadRequestError",
}
_OLLAMA: dict[str, str] = {
    **_PLAIN,
    "spend_limit": "PaymentRequiredError",
    "timeout": "InternalServerError",
    "context_length": "BadRequestError",
    "content_filter": "BadRequestError",
    "permission": "PermissionDeniedError",
}
CLASSES = {
    "litellm-vertex_ai": _VERTEX,
    "litellm-vertex_ai-claude": _VERTEX_CLAUDE,
    "litellm-bedrock": _BEDROCK,
    "litellm-bedrock-invoke": _BEDROCK,
    **dict.fromkeys(COHERE, _COHERE),
    "litellm-plain": _PLAIN,
    "litellm-groq": _PLAIN | {"too_large": "RateLimitError"},
    "litellm-mistral": _PLAIN
    | {
        "overloaded": "RateLimitError",
        "not_found": "BadRequestError",
        "too_large": "BadRequestError",
    },
    "litellm-xai": _PLAIN
    | {
        "content_filter": "BadRequestError",
        "auth": "BadRequestError",
        "too_large": "RateLimitError",
    },
    "litellm-cloudflare": _PLAIN
    | {
        "overloaded": "RateLimitError",
        "context_length": "BadRequestError",
        "content_filter": "BadRequestError",
        "permission": "PermissionDeniedError",
        "not_found": "BadRequestError",
    },
    "litellm-ollama": _OLLAMA,
    "litellm-ollama_chat": _OLLAMA,
}
"""By client and preset."""
READ = tuple(client for client in LITELLM if client not in COHERE)
"""Those of whose streams LiteLLM reads the end."""
REASONED = tuple(client for client in READ if client != "litellm-ollama")
"""Those of whose answers LiteLLM reads why they ended."""


@pytest.mark.parametrize("client", LITELLM)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is the exception that LiteLLM makes of its status, and of some words of its message."""
    assert measured[client, case.name].raised == "litellm." + CLASSES[client][case.name.removeprefix("plain-error-")]


WITHIN = {
    "litellm-bedrock": "ServiceUnavailableError",
    "litellm-bedrock-invoke": "ServiceUnavailableError",
    "litellm-vertex_ai": "InternalServerError",
    "litellm-vertex_ai-claude": "InternalServerError",
    "litellm-plain": "InternalServerError",
    "litellm-groq": "APIError",
    "litellm-xai": "InternalServerError",
    "litellm-ollama": "APIConnectionError",
}
"""The class of an error inside a stream, by client; LiteLLM does not notice those of Mistral's and Cloudflare's."""


@pytest.mark.parametrize("client", WITHIN)
@pytest.mark.parametrize("name", ["stream-cut", "stream-error"])
def test_what_breaks_a_stream_is_within_another_error(measured: Measured, client: str, name: str) -> None:
    """By which its Router begins a fallback in mid-stream."""
    error = measured[client, name].error
    assert isinstance(error, LiteLLMError)
    assert error.name == "MidStreamFallbackError"
    assert error.within == ("APIConnectionError" if name == "stream-cut" else WITHIN[client])


@pytest.mark.parametrize(
    ("client", "name"),
    [*((client, "stream-fine") for client in READ), *((client, "plain-fine") for client in LITELLM)],
)
def test_an_answer_says_it_all(measured: Measured, client: str, name: str) -> None:
    """Text and usage, and in a stream each token by itself."""
    heard = measured[client, name]
    (attempt,) = heard.attempts
    assert heard.text == heard.whole
    assert heard.pieces == (TOKENS if name == "stream-fine" else 0)
    assert heard.usage == (attempt.tokens_in, attempt.tokens_out) == (attempt.tokens_in, TOKENS)


def test_an_error_inside_a_stream_of_ollamas_chat_is_a_bad_request(measured: Measured) -> None:
    """Whatever it is, so the Router neither retries nor falls back in mid-stream; what breaks the connection is within another."""
    for name in ("stream-error", "stream-error-overloaded"):
        heard = measured["litellm-ollama_chat", name]
        assert (heard.outcome, heard.status) == (("part", "BadRequestError", None), 400)
    broken = measured["litellm-ollama_chat", "stream-cut"]
    assert (broken.raised, broken.code) == ("litellm.MidStreamFallbackError", "APIConnectionError")


@pytest.mark.parametrize("case", SHORT, ids=str)
def test_why_an_answer_of_ollamas_generate_ended_is_not_read(measured: Measured, case: Case) -> None:
    """LiteLLM calls every end `stop`: the caller's limit, and a content filter."""
    assert measured["litellm-ollama", case.name].outcome == ("whole", None, "stop")
    assert measured["litellm-ollama", "stream-filter"].outcome == ("part", None, "stop")


@pytest.mark.parametrize("client", REASONED)
@pytest.mark.parametrize("case", SHORT, ids=str)
def test_the_callers_limit_of_tokens_is_kept(measured: Measured, client: str, case: Case) -> None:
    """The finish reason is OpenAI's word for it."""
    heard = measured[client, case.name]
    assert heard.outcome == ("whole", None, "length")
    assert heard.usage is not None
    assert heard.usage[1] == case.max_tokens


@pytest.mark.parametrize("client", READ)
def test_missing_usage_is_estimated(measured: Measured, client: str) -> None:
    """LiteLLM counts tokens by itself then, in a way that is not the provider's."""
    heard = measured[client, "stream-no-usage"]
    assert (heard.share, heard.error) == ("whole", None)
    assert heard.usage not in (None, measured[client, "stream-fine"].usage)


@pytest.mark.parametrize("client", COHERE)
def test_how_a_stream_of_coheres_ended_is_not_read(measured: Measured, client: str) -> None:
    """LiteLLM looks for the reason, the usage and the error where Cohere has none of them."""
    fine = measured[client, "stream-fine"]
    assert fine.outcome == ("whole", None, "stop")
    assert fine.pieces == TOKENS
    assert fine.usage == measured[client, "stream-no-usage"].usage
    assert fine.usage != (fine.attempts[0].tokens_in, TOKENS)
    assert measured[client, "stream-short"].outcome == ("whole", None, "stop")
    assert measured[client, "plain-short"].usage == (fine.attempts[0].tokens_in, 3)


@pytest.mark.parametrize("client", COHERE)
@pytest.mark.parametrize("case", DELAYS, ids=str)
def test_headers_of_coheres_errors_are_left_out(measured: Measured, client: str, case: Case) -> None:
    """So no wait that Cohere asks for is heeded."""
    heard = measured[client, case.name]
    assert heard.status == 429
    assert not [name for name in heard.headers if "retry-after" in name]
