"""The prices of providers and the context windows of their models, from LiteLLM's own list.

The list is read from the installed package without importing it, which takes seconds. Our own LiteLLM comes first, so that
the chain's version does not change what an attempt costs; without one, the chain's is taken, and without that one there is
no list.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.chain.spec import Chain
from harness.drivers.interpreter import examined
from harness.errors import UsageError
from harness.provider.dialects import dialect_of
from harness.provider.spec import Price, Provider

_FIELDS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
}
"""LiteLLM's names of our prices."""
_FILE = "model_prices_and_context_window_backup.json"


def priced(chain: Chain) -> Chain:
    """Return the chain with a price for every provider that has none; None if the list has none either.

    A price without one for cached tokens gets the list's, else the share of the prompt's price that is usual at the vendor.

    Args:
        chain: With `environment` built, if it has one.

    Raises:
        UsageError: The chain's interpreter cannot be used, or its policy limits the cost of a request and a price is not known.
    """
    prices = _list(_origin(chain))
    providers = {name: replace(provider, price=_price(provider, prices)) for name, provider in chain.providers.items()}
    if chain.policy is not None and chain.policy.max_cost is not None:
        for name, provider in providers.items():
            if provider.price is None:
                raise unpriced(name, provider, "policy.max_cost")
    return replace(chain, providers=providers)


def context_windows(chain: Chain) -> dict[str, int | None]:
    """Return the most tokens that each provider's model takes, by provider: as stated, else as listed; None where neither is.

    Raises:
        UsageError: The chain's interpreter cannot be used.
    """
    prices = _list(_origin(chain))
    found: dict[str, int | None] = {}
    for name, provider in chain.providers.items():
        entry = _entry(provider, prices)
        most = provider.context_window or entry.get("max_input_tokens") or entry.get("max_tokens")
        found[name] = int(most) if isinstance(most, int | float) else None
    return found


def unpriced(name: str, provider: Provider, limit: str) -> UsageError:
    """Return the error that a limit cannot be kept, as the price of a provider is not known."""
    return UsageError(
        f"the price of {provider.model!r} is not known, so `{limit}` cannot be kept",
        where=f"providers.{name}.price",
        hint="price: {input: 2.5, output: 10}, in USD per million tokens",
    )


def _entry(provider: Provider, prices: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return what the list has on a provider's model; empty if nothing."""
    called = dialect_of(provider).litellm
    if called is None:
        return {}
    names = [f"{called.provider}/{provider.model}", *([provider.model] if called.families is not None else [])]
    return next((prices[name] for name in names if name in prices), {})


def _price(provider: Provider, prices: Mapping[str, Mapping[str, Any]]) -> Price | None:
    entry = _entry(provider, prices)
    listed = {field: _per_million(entry.get(name)) for field, name in _FIELDS.items()}
    price, usage = provider.price, dialect_of(provider).cache_usage
    if price is None:
        if listed["input"] is None or listed["output"] is None:
            return None
        price = Price(input=listed["input"], output=listed["output"])
    if usage is None:
        return price
    read, write = (price.input * share for share in usage.prices)
    if provider.price is None:  # of a stated price the list's share may not be true
        read, write = listed["cache_read"] or read, listed["cache_write"] or write
    return replace(
        price,
        cache_read=_rounded(read) if price.cache_read is None else price.cache_read,
        cache_write=_rounded(write) if price.cache_write is None else price.cache_write,
    )


def _per_million(per_token: Any) -> float | None:
    return None if per_token is None else _rounded(float(per_token) * 10**6)


def _rounded(usd: float) -> float:
    """Return an amount without what floats leave: 3e-07 a token is 0.3 a million."""
    return round(usd, 6)


def _origin(chain: Chain) -> str | None:
    """Return the file of the LiteLLM whose list is taken."""
    own = find_spec("litellm")
    if own is not None:
        return own.origin
    there = examined(chain)
    return None if there is None else there["origins"].get("litellm")


@cache
def _list(origin: str | None) -> dict[str, dict[str, Any]]:
    if origin is None or not (file := Path(origin).with_name(_FILE)).is_file():
        return {}
    found: dict[str, dict[str, Any]] = json.loads(file.read_bytes())
    return found
