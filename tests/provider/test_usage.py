"""What a call costs."""

from __future__ import annotations

from harness.chain import Price
from harness.provider.usage import cost_usd


def test_a_price_is_per_million_tokens() -> None:
    """An error has no known cost, and neither has an answer without a price."""
    price = Price(input=2, output=10)
    assert cost_usd(price, 1_000_000, 100_000) == 3
    assert cost_usd(price, None, 100_000) == 1
    assert cost_usd(price, None, None) is None
    assert cost_usd(None, 5, 5) is None
