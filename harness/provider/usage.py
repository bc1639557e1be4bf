"""What a call took: the tokens that an answer says it is billed for, and their price."""

from __future__ import annotations

from typing import Any

from harness.provider.dialects import wire
from harness.provider.spec import Price

_IN = ("prompt_tokens", "input_tokens", "promptTokenCount")
_OUT = ("completion_tokens", "output_tokens", "candidatesTokenCount")


def billed(event: bytes) -> tuple[int | None, int | None]:
    """Return the tokens in and out that an event of a stream tells, in any provider's words; None where it does not."""
    if b'"usage' not in event:
        return None, None
    data = wire.data_of(event)
    for holder in (data, wire.as_object(data.get("message")), wire.as_object(data.get("response"))):
        usage = wire.as_object(holder.get("usage") or holder.get("usageMetadata"))
        if usage:
            return _count(usage, _IN), _count(usage, _OUT)
    return None, None


def _count(usage: dict[str, Any], names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := wire.count_of(usage.get(name))) is not None), None)


def cost_usd(price: Price | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Return what an answer costs, in USD; None where that is not known."""
    if price is None or (tokens_in is None and tokens_out is None):
        return None
    return (price.input * (tokens_in or 0) + price.output * (tokens_out or 0)) / 1e6
