"""How an exchange broke off, read from aiohttp's errors: for the edge and the reference chain."""

from __future__ import annotations

import errno
import os
from typing import Any

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, TransferEncodingError

from harness.history import AttemptOutcome
from harness.http_rules import RESET

RESET_SAID = "ConnectionResetError"
"""Stands in the words of aiohttp's error where a reset broke a body: among its causes the reset is not."""
_UNKNOWN_HOST: Any = getattr(aiohttp, "ClientConnectorDNSError", ())
"""No class before aiohttp 3.10.6: there it is a connection that was refused, with the resolver's own error in its words."""


def read_aiohttp_error(error: Exception, *, answered: bool) -> tuple[AttemptOutcome, str]:
    """Return how a call ended that raised, and why, in words that hold neither keys nor what the other side sent.

    Args:
        error: What aiohttp raised.
        answered: The answer's headers had come.
    """
    cause = error.__cause__
    causes = [error, *([cause] if cause is not None else [])]
    number = next((each.errno for each in causes if isinstance(each, OSError) and each.errno), None)
    words = " ".join(dict.fromkeys(type(each).__name__ for each in causes))
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "refused", f"its certificate is not trusted ({words})"
    if isinstance(error, _UNKNOWN_HOST):
        return "refused", f"unknown host ({words})"
    if number is not None and 0 < number in errno.errorcode:
        words = f"{os.strerror(number)} ({words})"
    if isinstance(error, TimeoutError | aiohttp.ServerTimeoutError):
        return "timeout", f"no data for too long ({words})"
    if isinstance(error, aiohttp.ClientConnectorError) and number == errno.ETIMEDOUT:
        return "timeout", words
    if isinstance(error, aiohttp.ClientConnectorError):
        return "refused", words
    if number in RESET or RESET_SAID in words or RESET_SAID in str(error):
        return "reset", words
    if any(isinstance(each, ContentLengthError) for each in causes):
        return "cut", words
    if isinstance(error, aiohttp.ClientPayloadError):
        broken = any(isinstance(each, HttpProcessingError) for each in causes) and not _unfinished(causes)
        return ("malformed" if broken else "cut"), words
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionError):
        return "cut", words
    return ("cut" if answered and isinstance(error, aiohttp.ClientConnectionError) else "malformed"), words


def _unfinished(causes: list[BaseException]) -> bool:
    """Say whether a chunked body was merely not ended, rather than broken."""
    return any(isinstance(each, TransferEncodingError) and "Not enough data" in str(each) for each in causes)
