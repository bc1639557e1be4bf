"""Anthropic's SDK."""

from __future__ import annotations

import anthropic
import pytest
from anthropic import _exceptions

from .cases import ERRORS, LIMIT, Case
from .measure import Measured

RAISED: dict[str, type[anthropic.APIStatusError]] = {
    "rate_limit": anthropic.RateLimitError,
    "quota": _exceptions.PaymentRequiredError,
    "spend_limit": anthropic.EnforcedSpendLimitReachedError,
    "overloaded": _exceptions.OverloadedError,
    "server_error": anthropic.InternalServerError,
    "unavailable": _exceptions.ServiceUnavailableError,
    "timeout": _exceptions.GatewayTimeoutError,
    "context_length": anthropic.BadRequestError,
    "content_filter": anthropic.BadRequestError,
    "invalid_request": anthropic.BadRequestError,
    "auth": anthropic.AuthenticationError,
    "permission": anthropic.PermissionDeniedError,
    "not_found": anthropic.NotFoundError,
    "too_large": _exceptions.RequestTooLargeError,
}


@pytest.mark.parametrize("client", ["anthropic", "vertex_ai-claude"])
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is an exception, with the provider's code, else its type, and the name of the call."""
    heard = measured[client, case.name]
    (attempt,) = heard.attempts
    assert case.inject is not None
    assert type(heard.error) is RAISED[str(case.inject.error)]
    assert (heard.status, heard.code) == (attempt.status, attempt.error_code)
    assert heard.error.request_id == heard.error.body["request_id"]  # type: ignore[index]


def test_an_error_in_a_stream_tells_its_type(measured: Measured) -> None:
    """The status is that of the stream, 200; the type is the error's."""
    heard = measured["anthropic", "stream-error-overloaded"]
    assert (heard.status, heard.code) == (200, "overloaded_error")


def test_a_200_of_the_wrong_shape_is_no_error(measured: Measured) -> None:
    """The SDK hands on what it got, and its caller stumbles over it: text in place of an object, None for a list."""
    assert type(measured["anthropic", "plain-html"].misread) is AttributeError
    assert type(measured["anthropic", "plain-shape"].misread) is TypeError


def test_delays_are_in_headers(measured: Measured) -> None:
    """Unless the body is to carry them."""
    assert "retry-after" not in measured["anthropic", "plain-told-body"].headers


def test_a_limit_tells_what_is_left(measured: Measured) -> None:
    """Anthropic's own headers, on the answer that refuses."""
    headers = measured["anthropic", LIMIT.name].headers
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert int(headers["retry-after"]) in range(30, 61)
