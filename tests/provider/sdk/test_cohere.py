"""Cohere's SDK."""

from __future__ import annotations

import cohere
import pytest
from cohere.core.api_error import ApiError

from .cases import DELAYS, ERRORS, LIMIT, Case
from .measure import Measured

RAISED: dict[str, type[ApiError]] = {
    "rate_limit": cohere.TooManyRequestsError,
    "quota": cohere.TooManyRequestsError,
    "spend_limit": ApiError,
    "overloaded": cohere.ServiceUnavailableError,
    "server_error": cohere.InternalServerError,
    "unavailable": cohere.ServiceUnavailableError,
    "timeout": cohere.GatewayTimeoutError,
    "context_length": cohere.BadRequestError,
    "content_filter": cohere.InvalidTokenError,
    "invalid_request": cohere.BadRequestError,
    "auth": cohere.UnauthorizedError,
    "permission": cohere.ForbiddenError,
    "not_found": cohere.NotFoundError,
    "too_large": ApiError,
}


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, case: Case) -> None:
    """Each preset is the exception for its status, which holds the body: an id and a message."""
    heard = measured["cohere", case.name]
    (attempt,) = heard.attempts
    assert type(heard.error) is RAISED[case.name.removeprefix("plain-error-")]
    assert (heard.status, heard.code, attempt.error_code) == (attempt.status, None, None)
    assert set(heard.error.body) == {"id", "message"}
    assert heard.headers["x-debug-trace-id"]


def test_a_delay_can_be_in_the_message(measured: Measured) -> None:
    """Cohere sends none in a body by itself."""
    messages = {case.name: str(measured["cohere", case.name].error) for case in DELAYS}
    assert "try again in 7s" in messages.pop("plain-told-body")
    assert not any("try again in" in text for text in messages.values())


def test_a_limit_tells_what_is_left(measured: Measured) -> None:
    """The headers of a trial key, on the answer that refuses."""
    assert measured["cohere", LIMIT.name].headers["x-trial-endpoint-call-remaining"] == "0"
