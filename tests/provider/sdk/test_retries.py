"""The SDKs' own retries, with their own defaults."""

from __future__ import annotations

from typing import Any

import aiohttp
import anthropic
import httpx
import httpx2
import openai
import pytest
from anthropic import _exceptions
from google.genai import errors

from .cases import REFILLED, RETRIES, Case
from .clients import HEEDING, RETRYING
from .measure import Measured

ONCE = (1, False)
OWN = (2, False)
TOLD = (2, True)

OPENAI = {
    "429": (*OWN, None),
    "429-seconds": (*TOLD, None),
    "429-ms": (*TOLD, None),
    "429-date": (*TOLD, None),
    "429-body": (*OWN, None),
    "429-long": (*ONCE, openai.RateLimitError),
    "quota": (3, False, openai.RateLimitError),
    "spend-limit": (3, False, openai.RateLimitError),
    "400": (*ONCE, openai.BadRequestError),
    "503": (3, False, openai.InternalServerError),
    "503-no": (*ONCE, openai.InternalServerError),
    "400-yes": (3, False, openai.BadRequestError),
    "reset": (*OWN, None),
    "close": (*OWN, None),
    "silent": (*OWN, None),
    "cut": (*ONCE, httpx.RemoteProtocolError),
}

ANTHROPIC = OPENAI | {
    "429-long": (*TOLD, None),
    "quota": (*ONCE, _exceptions.PaymentRequiredError),
    "spend-limit": (*ONCE, anthropic.EnforcedSpendLimitReachedError),
    "400": (*ONCE, anthropic.BadRequestError),
    "503": (3, False, _exceptions.ServiceUnavailableError),
    "503-no": (*ONCE, _exceptions.ServiceUnavailableError),
    "400-yes": (3, False, anthropic.BadRequestError),
    "cut": (*ONCE, httpx2.RemoteProtocolError),
}

# It tries again after a connection error alone, and asks nobody how long to wait.
GEMINI = {case.name: (*ONCE, errors.ClientError) for case in RETRIES} | {
    "503": (*ONCE, errors.ServerError),
    "503-no": (*ONCE, errors.ServerError),
    "reset": (*OWN, None),
    "close": (*OWN, None),
    "silent": (*ONCE, TimeoutError),
    "cut": (*ONCE, aiohttp.ClientPayloadError),
}

# Told to retry, it does so five times, and does not heed what it is told otherwise.
GEMINI_RETRYING = {case.name: (*OWN, None) for case in RETRIES} | {
    "quota": (5, False, errors.ClientError),
    "spend-limit": (5, False, errors.ClientError),
    "400": (*ONCE, errors.ClientError),
    "503": (5, False, errors.ServerError),
    "503-no": (5, False, errors.ServerError),
    "400-yes": (*ONCE, errors.ClientError),
    "silent": (*ONCE, TimeoutError),
    "cut": (*ONCE, aiohttp.ClientPayloadError),
}

# By client and case: how many attempts, whether the waits are those that were told, and what is raised in the end.
EXPECTED: dict[str, dict[str, Any]] = {
    "openai": OPENAI,
    "azure": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "gemini-retrying": GEMINI_RETRYING,
}


@pytest.mark.parametrize("client", RETRYING)
@pytest.mark.parametrize("case", RETRIES, ids=str)
def test_retries(retried: Measured, client: str, case: Case) -> None:
    """How often each SDK tries again, and whether it waits as long as Retry-After asks."""
    heard = retried[client, case.name]
    raised = None if heard.error is None else type(heard.error)
    assert (len(heard.attempts), heard.waited_as_told, raised) == EXPECTED[client][case.name]
    assert raised or heard.text == heard.whole


@pytest.mark.parametrize("client", HEEDING)
def test_a_limit_is_waited_for(retried: Measured, client: str) -> None:
    """A caller who waits as long as the limit's Retry-After is let through then."""
    heard = retried[client, REFILLED.name]
    assert [attempt.status for attempt in heard.attempts] == [200, 429, 200]
    assert heard.waited_as_told
    assert heard.text == heard.whole


@pytest.mark.parametrize("client", HEEDING)
def test_waits_told_as_a_number_are_kept_to_the_letter(retried: Measured, client: str) -> None:
    """Seconds and milliseconds need no clock to be understood."""
    assert retried[client, "429-seconds"].waits_s == [7.0]
    assert retried[client, "429-ms"].waits_s == [11.5]
