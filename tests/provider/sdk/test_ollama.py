"""Ollama's SDK."""

from __future__ import annotations

import ollama
import pytest

from .cases import DELAYS, ERRORS, Case
from .measure import Measured

CLIENTS = ("ollama", "ollama_chat")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is the one exception that it has, with the status; the record's code is words of its sentence."""
    heard = measured[client, case.name]
    (attempt,) = heard.attempts
    assert isinstance(heard.error, ollama.ResponseError)
    assert (heard.status, heard.code) == (attempt.status, None)
    assert attempt.error_code is not None
    assert attempt.error_code.replace("_", " ") in heard.error.error.lower()


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_in_a_stream_has_no_status(measured: Measured, client: str) -> None:
    """Its sentence is that of the plain error."""
    inside, plain = (measured[client, name].error for name in ("stream-error-overloaded", "plain-error-overloaded"))
    assert isinstance(inside, ollama.ResponseError)
    assert isinstance(plain, ollama.ResponseError)
    assert (inside.error, inside.status_code) == (plain.error, -1)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_delay_is_read_only_in_the_message(measured: Measured, client: str) -> None:
    """The SDK keeps no headers of an error, so its caller cannot know of a Retry-After."""
    messages = {case.name: str(measured[client, case.name].error) for case in DELAYS}
    assert "try again in 7s" in messages.pop("plain-told-body")
    assert not any("try again in" in text for text in messages.values())
    assert not any(measured[client, case.name].headers for case in DELAYS)
