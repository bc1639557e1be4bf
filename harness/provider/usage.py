"""What a call costs."""

from __future__ import annotations

from harness.provider.spec import Price


def cost_usd(price: Price | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Return what an answer costs, in USD; None where that is not known."""
    if price is None or (tokens_in is None and tokens_out is None):
        return None
    return (price.input * (tokens_in or 0) + price.output * (tokens_out or 0)) / 1e6
