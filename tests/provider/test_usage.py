"""What a call took."""

from __future__ import annotations

import pytest

from harness.chain import Price
from harness.provider.usage import billed, cost_usd


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n', (3, 5)),
        (b'data: {"choices":[],"usage":null}\n\n', (None, None)),
        (b'event: message_start\ndata: {"message":{"usage":{"input_tokens":3,"output_tokens":1}}}\n\n', (3, 1)),
        (b'event: message_delta\ndata: {"usage":{"output_tokens":9}}\n\n', (None, 9)),
        (b'data: {"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}\n\n', (3, 4)),
        (b'data: {"response":{"usage":{"input_tokens":3,"output_tokens":4}}}\n\n', (3, 4)),
        (b'data: {"usage":{"prompt_tokens":"many","completion_tokens":-1}}\n\n', (None, None)),
        (b'data: {"usage": [\n\n', (None, None)),
        (b'data: ["usage"]\n\n', (None, None)),
        (b": ping\n\n", (None, None)),
    ],
)
def test_usage_is_found_in_any_providers_words(event: bytes, expected: tuple[int | None, int | None]) -> None:
    """Where it is told, and nowhere else."""
    assert billed(event) == expected


def test_a_price_is_per_million_tokens() -> None:
    """An error costs nothing that we know of; without a price nobody knows."""
    price = Price(input=2, output=10)
    assert cost_usd(price, 1_000_000, 100_000) == 3
    assert cost_usd(price, None, 100_000) == 1
    assert cost_usd(price, None, None) is None
    assert cost_usd(None, 5, 5) is None
