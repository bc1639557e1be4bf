"""What error answers mean."""

from __future__ import annotations

import pytest

from harness.chain.reference import Failure
from harness.chain.reference.classify import failure, inside


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (429, "rate_limit_exceeded", "rate_limit"),
        (429, None, "rate_limit"),
        (429, "insufficient_quota", "quota"),
        (429, "organization_spend_limit_exceeded", "quota"),
        (402, None, "quota"),
        (401, "invalid_api_key", "denied"),
        (403, None, "denied"),
        (404, "model_not_found", "denied"),
        (408, None, "timeout"),
        (504, None, "timeout"),
        (409, None, "server_error"),
        (500, None, "server_error"),
        (503, "overloaded", "server_error"),
        (529, "overloaded_error", "server_error"),
        (302, None, "server_error"),
        (400, "context_length_exceeded", "context_window"),
        (413, None, "invalid"),
        (422, None, "invalid"),
        (400, "content_policy_violation", "content_policy"),
        (400, "content_filter", "content_policy"),
        (400, "ServiceQuotaExceededException", "quota"),
        (429, "ThrottlingException", "rate_limit"),
        (429, "usage_limit", "quota"),
    ],
)
def test_status_and_code_say_what_failed(status: int, code: str | None, expected: Failure) -> None:
    """What may get better, what is wrong at this provider alone, and what is wrong everywhere."""
    assert failure(status, code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("429", "rate_limit"),
        ("502", "server_error"),
        ("402", "quota"),
        ("rate_limit_error", "rate_limit"),
        ("insufficient_quota", "quota"),
        ("overloaded_error", "server_error"),
        ("content_filter", "content_policy"),
        ("throttlingException", "rate_limit"),
        ("too_many_concurrent_requests", "rate_limit"),
        ("modelStreamErrorException", "server_error"),
        ("9999", "server_error"),
        ("²", "server_error"),
    ],
)
def test_an_error_in_a_success_says_it_too(code: str, expected: Failure) -> None:
    """There the code may be the status that the answer should have had."""
    assert inside(code) == expected
