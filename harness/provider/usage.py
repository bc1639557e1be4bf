"""What a call costs."""

from __future__ import annotations

from harness.provider.prompt_cache import NOTHING_CACHED, CachedPart
from harness.provider.spec import Price


def cost_usd(
    price: Price | None, tokens_in: int | None, tokens_out: int | None, cached: CachedPart | None = None
) -> float | None:
    """Return what an answer costs, in USD; None where that is not known.

    Args:
        price: Of the provider. Where it has none for cached tokens, they cost as much as others.
        tokens_in: Tokens of the prompt, all of them.
        tokens_out: Tokens of the answer.
        cached: Which of the prompt's were cached.
    """
    if price is None or (tokens_in is None and tokens_out is None):
        return None
    usd = price.input * (tokens_in or 0) + price.output * (tokens_out or 0)
    read, written = cached or NOTHING_CACHED
    if read and price.cache_read is not None:
        usd += (price.cache_read - price.input) * read
    if written and price.cache_write is not None:
        usd += (price.cache_write - price.input) * written
    return usd / 1e6
