"""Google's SDK, over aiohttp where it is asked from asyncio, over httpx where it blocks."""

from __future__ import annotations

import pytest
from google.genai import errors

from .cases import DELAYS, ERRORS, LIMIT, Case
from .measure import Measured

CLIENTS = ("gemini", "gemini-blocking", "vertex_ai")


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
def test_delays_are_in_the_body(measured: Measured, client: str) -> None:
    """`retryDelay` is among the error's details, unless the scenario wants it elsewhere."""
    details = {case.name: str(getattr(measured[client, case.name].error, "details", "")) for case in DELAYS}
    assert "'retryDelay': '7s'" in details["plain-told-body"]
    assert not any("retryDelay" in text for name, text in details.items() if name != "plain-told-body")
    assert "retry-after" not in measured[client, "plain-told-body"].headers
    assert "retryDelay" in str(getattr(measured[client, LIMIT.name].error, "details", ""))
