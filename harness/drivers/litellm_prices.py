"""The prices of providers, from LiteLLM's own list.

The list is read from the installed package without importing it, which takes seconds.
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
from harness.provider.dialects import DIALECTS
from harness.provider.spec import Price, Provider

_FILE = "model_prices_and_context_window_backup.json"


def priced(chain: Chain) -> Chain:
    """Return the chain with a price for every provider that has none; None if the list has none either."""
    providers = {
        name: provider if provider.price is not None else replace(provider, price=_price(provider))
        for name, provider in chain.providers.items()
    }
    return replace(chain, providers=providers)


def _price(provider: Provider) -> Price | None:
    called = DIALECTS[provider.dialect].litellm
    if called is None:
        return None
    names = [f"{called.provider}/{provider.model}", *([provider.model] if called.families is not None else [])]
    entry: Mapping[str, Any] = next((_list()[name] for name in names if name in _list()), {})
    prices = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if None in prices:
        return None
    # Rounded: 3e-07 a token is 0.3 a million, and not 0.3 plus what floats leave.
    per_million = [round(float(each) * 10**6, 6) for each in prices if each is not None]
    return Price(input=per_million[0], output=per_million[1])


@cache
def _list() -> dict[str, dict[str, Any]]:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    found: dict[str, dict[str, Any]] = json.loads(Path(spec.origin).with_name(_FILE).read_bytes())
    return found
