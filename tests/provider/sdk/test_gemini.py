"""Google's SDK, over aiohttp where it is asked from asyncio, over httpx where it blocks."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import aiohttp
import httpx2
import pytest
from google.genai import errors

from .cases import DELAYS, ERRORS, LIMIT, PLAIN, STREAMS, Case
from .heard import Outcome
from .measure import Measured

CLIENTS = ("gemini", "gemini-blocking")

STREAMED: dict[str, Outcome] = {
    "stream-fine": ("whole", None, "STOP"),
    "stream-cut": ("part", aiohttp.ClientPayloadError, None),
    "stream-reset": ("part", aiohttp.ClientPayloadError, None),
    "stream-end": ("part", None, None),
    "stream-stall": ("whole", None, "STOP"),
    "stream-stall-long": ("part", TimeoutError, None),
    "stream-malformed": ("part", errors.UnknownApiResponseError, None),
    "stream-no-done": ("whole", None, "STOP"),
    "stream-no-usage": ("whole", None, "STOP"),
    "stream-error": ("part", errors.ServerError, None),
    "stream-error-first": ("none", errors.ServerError, None),
    "stream-error-overloaded": ("part", errors.ServerError, None),
    "stream-keepalive": ("part", TimeoutError, None),
    "stream-empty": ("none", None, "STOP"),
    "stream-filter": ("part", None, "SAFETY"),
    "stream-ttft": ("whole", None, "STOP"),
    "stream-ttft-long": ("none", TimeoutError, None),
    "stream-slow": ("part", TimeoutError, None),
    "stream-503": ("none", errors.ServerError, None),
}

ANSWERED: dict[str, Outcome] = {
    "plain-fine": ("whole", None, "STOP"),
    "plain-cut": ("none", aiohttp.ClientPayloadError, None),
    "plain-cut-reset": ("none", aiohttp.ClientPayloadError, None),
    "plain-stall": ("whole", None, "STOP"),
    "plain-stall-long": ("none", TimeoutError, None),
    "plain-close": ("none", aiohttp.ServerDisconnectedError, None),
    "plain-reset": ("none", aiohttp.ClientOSError, None),
    "plain-silent": ("none", TimeoutError, None),
    "plain-delay": ("whole", None, "STOP"),
    "plain-delay-long": ("none", TimeoutError, None),
    "plain-html": ("none", json.JSONDecodeError, None),
    "plain-shape": ("none", None, None),
    "plain-html-502": ("none", errors.ServerError, None),
}

# The same over httpx, whose timeout is one between bytes; aiohttp's is one for the whole answer.
BLOCKING: dict[str, Outcome] = (
    STREAMED
    | ANSWERED
    | {
        "stream-cut": ("part", httpx2.RemoteProtocolError, None),
        "stream-reset": ("part", httpx2.ReadError, None),
        "stream-stall-long": ("part", httpx2.ReadTimeout, None),
        "stream-keepalive": ("whole", None, "STOP"),
        "stream-ttft-long": ("none", httpx2.ReadTimeout, None),
        "stream-slow": ("whole", None, "STOP"),
        "plain-cut": ("none", httpx2.RemoteProtocolError, None),
        "plain-cut-reset": ("none", httpx2.ReadError, None),
        "plain-stall-long": ("none", httpx2.ReadTimeout, None),
        "plain-close": ("none", httpx2.RemoteProtocolError, None),
        "plain-reset": ("none", httpx2.ReadError, None),
        "plain-silent": ("none", httpx2.ReadTimeout, None),
        "plain-delay-long": ("none", httpx2.ReadTimeout, None),
    }
)


@pytest.mark.parametrize("case", [*STREAMS, *PLAIN], ids=str)
def test_asyncio(measured: Measured, case: Case) -> None:
    """No connection error and no timeout is the SDK's own, and an early end is none at all."""
    assert measured["gemini", case.name].outcome == (STREAMED | ANSWERED)[case.name]


@pytest.mark.parametrize("case", [*STREAMS, *PLAIN], ids=str)
def test_blocking(measured: Measured, case: Case) -> None:
    """As from asyncio, with the exceptions of another library."""
    assert measured["gemini-blocking", case.name].outcome == BLOCKING[case.name]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is a client's or a server's error, with Google's name of the status."""
    heard = measured[client, case.name]
    (attempt,) = heard.attempts
    assert attempt.status is not None
    assert type(heard.error) is (errors.ClientError if attempt.status < 500 else errors.ServerError)
    assert (heard.status, heard.code) == (attempt.status, attempt.error_code)


@pytest.mark.parametrize("client", CLIENTS)
def test_delays_are_told_in_the_body(measured: Measured, client: str) -> None:
    """`retryDelay` stands among the error's details, unless the scenario wants it elsewhere."""
    details = {case.name: str(getattr(measured[client, case.name].error, "details", "")) for case in DELAYS}
    assert "'retryDelay': '7s'" in details["plain-told-body"]
    assert not any("retryDelay" in said for name, said in details.items() if name != "plain-told-body")
    headers = {case.name: measured[client, case.name].headers for case in DELAYS}
    assert headers["plain-told-seconds"]["retry-after"] == "7"
    assert headers["plain-told-ms"]["retry-after-ms"] == "7000"
    assert parsedate_to_datetime(headers["plain-told-date"]["retry-after"]).tzinfo is not None
    assert "retry-after" not in headers["plain-told-body"]
    assert "retryDelay" in str(getattr(measured[client, LIMIT.name].error, "details", ""))
