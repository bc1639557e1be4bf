"""How a request asks for an order of its own, on the chains where it can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.chain.litellm_config import deployments
from harness.chain.spec import Chain, ChainError
from harness.chain.targets import groups, targets


def in_litellm(chain: Chain, names: Sequence[str]) -> Mapping[str, Any]:
    """Return the fields by which a request asks LiteLLM, which tries model groups: the first one, then its `fallbacks`.

    Args:
        chain: The chain.
        names: Of providers and model groups, or what stands for several of them.

    Raises:
        ChainError: LiteLLM might ask another provider, too.
    """
    first, *others = dict.fromkeys(group for name in names for group in _groups(chain, name, names))
    return {"model": first, "fallbacks": others}


def _groups(chain: Chain, name: str, names: Sequence[str]) -> tuple[str, ...]:
    known = groups(chain)
    if chain.litellm is None or name in known:
        return targets(chain)[name] if chain.litellm is None else (name,)
    providers = targets(chain)[name]
    wanted = {provider for each in names for provider in targets(chain)[each]}
    found = tuple(entry.group for provider in providers for entry in deployments(chain) if entry.name == provider)
    for group in found:
        if more := [provider for provider in known[group] if provider not in wanted]:
            raise ChainError(
                f"{name!r} is in the model group {group!r}, which has {', '.join(more)} too: no request can ask for it alone",
                ("chain",),
                hint=f"write {group}",
            )
    return found


def in_reference(chain: Chain, names: Sequence[str]) -> Mapping[str, Any]:
    """Return the fields by which a request asks the reference chain."""
    order = list(dict.fromkeys(provider for name in names for provider in targets(chain)[name]))
    return {"model": order[0], "chain": {"order": order}}
