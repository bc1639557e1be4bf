"""The environment variables of a Python function: what its chain file sets, and the keys that its libraries expect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from harness.chain.spec import DUMMY_KEY, PLACEHOLDER, Chain
from harness.provider.dialects import dialect_of
from harness.provider.spec import Provider

REFERENCE = re.compile(r"env/([A-Za-z_][A-Za-z0-9_]*)")
"""A value that is taken from the harness's own environment; its group is the variable's name."""


def variables(chain: Chain, base_urls: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that a chain file sets.

    Args:
        chain: The chain.
        base_urls: Where each provider is called, by name.
        environ: Where `env/NAME` leads; a variable whose reference leads nowhere is left out.
    """
    filled = {}
    for name, value in chain.env.items():
        if reference := REFERENCE.fullmatch(value):
            if reference[1] in environ:
                filled[name] = environ[reference[1]]
        else:
            filled[name] = PLACEHOLDER.sub(lambda match: base_urls[match[1]], value)
    return filled


def real_keys(chain: Chain, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that the chain itself sends to real providers: those whose `upstream` has no `api_key` beside it."""
    passed = [each for each in chain.providers.values() if each.upstream is not None and each.api_key is None]
    return {name: environ[name] for name in sorted(_key_variables(passed)) if name in environ}


def dummy_keys(chain: Chain) -> dict[str, str]:
    """Return a dummy for each variable that client libraries usually take the keys of the chain's providers from."""
    return dict.fromkeys(sorted(_key_variables(chain.providers.values())), DUMMY_KEY)


def _key_variables(providers: Iterable[Provider]) -> frozenset[str]:
    named = (dialect_of(each).litellm for each in providers)
    return frozenset(variable for names in named if names is not None for variable in names.key_variables)
