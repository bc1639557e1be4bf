"""Anthropic's SDK."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import anthropic
import httpx2
import pytest
from anthropic import _exceptions

from .cases import DELAYS, ERRORS, LIMIT, PLAIN, STREAMS, Case
from .heard import Outcome
from .measure import Measured

STREAMED: dict[str, Outcome] = {
    "stream-fine": ("whole", None, "end_turn"),
    "stream-cut": ("part", httpx2.RemoteProtocolError, None),
    "stream-reset": ("part", httpx2.ReadError, None),
    "stream-end": ("part", None, None),
    "stream-stall": ("whole", None, "end_turn"),
    "stream-stall-long": ("part", httpx2.ReadTimeout, None),
    "stream-malformed": ("part", json.JSONDecodeError, None),
    "stream-no-done": ("whole", None, "end_turn"),
    "stream-no-usage": ("whole", None, "end_turn"),
    "stream-error": ("part", anthropic.APIStatusError, None),
    "stream-error-first": ("none", anthropic.APIStatusError, None),
    "stream-error-overloaded": ("part", anthropic.APIStatusError, None),
    "stream-keepalive": ("whole", None, "end_turn"),
    "stream-empty": ("none", None, "end_turn"),
    "stream-filter": ("part", None, "refusal"),
    "stream-ttft": ("whole", None, "end_turn"),
    "stream-ttft-long": ("none", httpx2.ReadTimeout, None),
    "stream-slow": ("whole", None, "end_turn"),
    "stream-503": ("none", _exceptions.ServiceUnavailableError, None),
}

ANSWERED: dict[str, Outcome] = {
    "plain-fine": ("whole", None, "end_turn"),
    "plain-cut": ("none", anthropic.APIConnectionError, None),
    "plain-cut-reset": ("none", anthropic.APIConnectionError, None),
    "plain-stall": ("whole", None, "end_turn"),
    "plain-stall-long": ("none", anthropic.APITimeoutError, None),
    "plain-close": ("none", anthropic.APIConnectionError, None),
    "plain-reset": ("none", anthropic.APIConnectionError, None),
    "plain-silent": ("none", anthropic.APITimeoutError, None),
    "plain-delay": ("whole", None, "end_turn"),
    "plain-delay-long": ("none", anthropic.APITimeoutError, None),
    "plain-html": ("none", None, None),
    "plain-shape": ("none", None, None),
    "plain-html-502": ("none", anthropic.InternalServerError, None),
}

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


@pytest.mark.parametrize("case", STREAMS, ids=str)
def test_streams(measured: Measured, case: Case) -> None:
    """What breaks while a stream is read is httpx2's own exception; an error event is the SDK's, an early end none."""
    assert measured["anthropic", case.name].outcome == STREAMED[case.name]


@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_plain_answers(measured: Measured, case: Case) -> None:
    """What breaks before a plain answer is whole is a connection error or a timeout of the SDK's own."""
    assert measured["anthropic", case.name].outcome == ANSWERED[case.name]


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, case: Case) -> None:
    """Each preset is an exception, with the provider's code, else its type, and the name of the call."""
    heard = measured["anthropic", case.name]
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


def test_delays_are_told_in_headers(measured: Measured) -> None:
    """The exception's response has the Retry-After in each way that it can be told."""
    headers = {case.name: measured["anthropic", case.name].headers for case in DELAYS}
    assert headers["plain-told-seconds"]["retry-after"] == "7"
    assert headers["plain-told-ms"]["retry-after-ms"] == "7000"
    assert parsedate_to_datetime(headers["plain-told-date"]["retry-after"]).tzinfo is not None
    assert "retry-after" not in headers["plain-told-body"]


def test_a_limit_tells_what_is_left(measured: Measured) -> None:
    """Anthropic's own headers, on the answer that refuses."""
    headers = measured["anthropic", LIMIT.name].headers
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert int(headers["retry-after"]) in range(30, 61)
