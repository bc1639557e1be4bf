"""A delay is read from headers as an official client reads it."""

import pytest

from harness.provider.retry_after import read
from harness.quantities import S

NOW_NS = 1_767_225_600 * 10**9  # 2026-01-01 00:00:00


@pytest.mark.parametrize(
    ("headers", "ns"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2 * S),
        ({"Retry-After": " 2.5 "}, 2_500_000_000),
        ({"retry-after-ms": "120"}, 120_000_000),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 1_500_000_000),
        ({"retry-after": "2", "retry-after-ms": "soon"}, 2 * S),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:05 GMT"}, 5 * S),
        ({"retry-after": "Wed, 31 Dec 2025 23:59:59 GMT"}, 0),
        ({"retry-after": "inf"}, 7 * 24 * 3600 * S),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"x-retry-after": "2"}, None),
    ],
)
def test_what_headers_tell(headers: dict[str, str], ns: int | None) -> None:
    """Milliseconds before seconds before a date; anything else is no delay."""
    assert read(headers.items(), NOW_NS) == ns
