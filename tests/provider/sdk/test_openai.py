"""OpenAI's SDK, and the providers that are asked through it."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import httpx
import openai
import pytest

from .cases import DELAYS, ERRORS, LIMIT, PLAIN, STREAMS, Case
from .heard import Outcome
from .measure import Measured

CHATS = ("openai", "azure", "openrouter", "deepseek")
CLIENTS = (*CHATS, "responses")

STREAMED: dict[str, Outcome] = {
    "stream-fine": ("whole", None, "stop"),
    "stream-cut": ("part", httpx.RemoteProtocolError, None),
    "stream-reset": ("part", httpx.ReadError, None),
    "stream-end": ("part", None, None),
    "stream-stall": ("whole", None, "stop"),
    "stream-stall-long": ("part", httpx.ReadTimeout, None),
    "stream-malformed": ("part", json.JSONDecodeError, None),
    "stream-no-done": ("whole", None, "stop"),
    "stream-no-usage": ("whole", None, "stop"),
    "stream-error": ("part", openai.APIError, None),
    "stream-error-first": ("none", openai.APIError, None),
    "stream-error-overloaded": ("part", openai.APIError, None),
    "stream-keepalive": ("whole", None, "stop"),
    "stream-empty": ("none", None, "stop"),
    "stream-filter": ("part", None, "content_filter"),
    "stream-ttft": ("whole", None, "stop"),
    "stream-ttft-long": ("none", httpx.ReadTimeout, None),
    "stream-slow": ("whole", None, "stop"),
    "stream-503": ("none", openai.InternalServerError, None),
}

ANSWERED: dict[str, Outcome] = {
    "plain-fine": ("whole", None, "stop"),
    "plain-cut": ("none", openai.APIConnectionError, None),
    "plain-cut-reset": ("none", openai.APIConnectionError, None),
    "plain-stall": ("whole", None, "stop"),
    "plain-stall-long": ("none", openai.APITimeoutError, None),
    "plain-close": ("none", openai.APIConnectionError, None),
    "plain-reset": ("none", openai.APIConnectionError, None),
    "plain-silent": ("none", openai.APITimeoutError, None),
    "plain-delay": ("whole", None, "stop"),
    "plain-delay-long": ("none", openai.APITimeoutError, None),
    "plain-html": ("none", None, None),
    "plain-shape": ("none", None, None),
    "plain-html-502": ("none", openai.InternalServerError, None),
}

RESPONSES: dict[str, Outcome] = {
    name: (share, error, "completed" if finish == "stop" else finish)
    for name, (share, error, finish) in (STREAMED | ANSWERED).items()
} | {
    "stream-error": ("part", None, "failed: server_error"),
    "stream-error-first": ("none", None, "failed: server_error"),
    "stream-error-overloaded": ("part", None, "failed: server_error"),
    "stream-filter": ("part", None, "incomplete: content_filter"),
}

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


@pytest.mark.parametrize("client", CHATS)
@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_streams(measured: Measured, client: str, case: Case) -> None:
    """What breaks while a stream is read is not the SDK's own exception, and an early end is none at all."""
    assert measured[client, case.name].outcome == STREAMED[case.name]


@pytest.mark.parametrize("client", CHATS)
@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_plain_answers(measured: Measured, client: str, case: Case) -> None:
    """What breaks before a plain answer is whole is a connection error or a timeout of the SDK's own."""
    assert measured[client, case.name].outcome == ANSWERED[case.name]


@pytest.mark.parametrize("case", [*STREAMS, *PLAIN], ids=str)
def test_responses(measured: Measured, case: Case) -> None:
    """Responses are as chat completions, but an error in the stream is an event, and raises nothing."""
    assert measured["responses", case.name].outcome == RESPONSES[case.name]


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
def test_delays_are_told_in_headers(measured: Measured, client: str) -> None:
    """The exception's response has the Retry-After in each way that it can be told, a limit's too."""
    headers = {case.name: measured[client, case.name].headers for case in DELAYS}
    assert headers["plain-told-seconds"]["retry-after"] == "7"
    assert headers["plain-told-ms"]["retry-after-ms"] == "7000"
    assert parsedate_to_datetime(headers["plain-told-date"]["retry-after"]).tzinfo is not None
    assert not {"retry-after", "retry-after-ms"} & set(headers["plain-told-body"])
    assert "7" in str(measured[client, "plain-told-body"].error)
    assert {"retry-after", "retry-after-ms"} & set(measured[client, LIMIT.name].headers)
