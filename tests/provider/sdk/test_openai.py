"""OpenAI's SDK, and the providers that are asked through it."""

from __future__ import annotations

import openai
import pytest

from .cases import DELAYS, ERRORS, LIMIT, Case
from .measure import Measured

CHATS = ("openai", "azure", "openrouter", "deepseek")
CLIENTS = (*CHATS, "responses")

BY_STATUS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    408: openai.APIStatusError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is the exception of its status, with the provider's own code and the name of the call."""
    heard = measured[client, case.name]
    (attempt,) = heard.attempts
    assert attempt.status is not None
    assert type(heard.error) is BY_STATUS.get(attempt.status, openai.InternalServerError)
    assert (heard.status, heard.code) == (attempt.status, attempt.error_code)
    assert isinstance(heard.error, openai.APIStatusError)
    assert heard.error.request_id or client == "deepseek"


@pytest.mark.parametrize("client", CHATS)
def test_an_error_in_a_stream_tells_its_code(measured: Measured, client: str) -> None:
    """It is the code that the same error has when it is the whole answer."""
    assert measured[client, "stream-error-overloaded"].code == measured[client, "plain-error-overloaded"].code


@pytest.mark.parametrize("client", CLIENTS)
def test_a_200_of_the_wrong_shape_is_no_error(measured: Measured, client: str) -> None:
    """The SDK hands on what it got, and its caller stumbles over it: text in place of an object, None for a list."""
    assert type(measured[client, "plain-html"].misread) is AttributeError
    assert type(measured[client, "plain-shape"].misread) is TypeError


@pytest.mark.parametrize("client", CLIENTS)
def test_delays_are_in_headers(measured: Measured, client: str) -> None:
    """Unless the body is to carry them, which then does so in words."""
    headers = {case.name: measured[client, case.name].headers for case in DELAYS}
    assert not {"retry-after", "retry-after-ms"} & set(headers["plain-told-body"])
    assert "7" in str(measured[client, "plain-told-body"].error)
    assert {"retry-after", "retry-after-ms"} & set(measured[client, LIMIT.name].headers)
