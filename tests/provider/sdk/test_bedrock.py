"""boto3's `bedrock-runtime`: Converse and InvokeModel."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from .cases import DELAYS, ERRORS, Case
from .measure import Measured

CLIENTS = ("bedrock", "bedrock-invoke")
UNDECLARED = ("UnrecognizedClientException",)
"""Errors of AWS's that the service does not declare, so that they have no class of their own."""


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured: Measured, client: str, case: Case) -> None:
    """Each preset is the exception that the service declares for it, with AWS's name of it."""
    heard = measured[client, case.name]
    (attempt,) = heard.attempts
    assert (heard.status, heard.code) == (attempt.status, attempt.error_code)
    assert isinstance(heard.error, ClientError)
    assert type(heard.error).__name__ == ("ClientError" if heard.code in UNDECLARED else heard.code)
    assert heard.headers["x-amzn-requestid"]


@pytest.mark.parametrize("client", CLIENTS)
def test_an_error_in_a_stream_has_a_name_of_its_own(measured: Measured, client: str) -> None:
    """The record has it as the caller reads it."""
    for name, code in (
        ("stream-error", "internalServerException"),
        ("stream-error-overloaded", "serviceUnavailableException"),
    ):
        heard = measured[client, name]
        assert (heard.code, heard.attempts[0].error_code) == (code, code)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_delay_can_be_in_the_message(measured: Measured, client: str) -> None:
    """Bedrock sends none in a body by itself."""
    messages = {case.name: str(measured[client, case.name].error) for case in DELAYS}
    assert "try again in 7s" in messages.pop("plain-told-body")
    assert not any("try again in" in text for text in messages.values())
