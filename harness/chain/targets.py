"""What the name after a fault's `on` stands for: a provider, a role, a model group of a LiteLLM configuration, or a vendor.

A role is one of the chain's usual model, or of another model: `primary of gpt-4`.
"""

from __future__ import annotations

import re

from harness.chain.litellm_check import aliases
from harness.chain.litellm_config import deployments
from harness.chain.spec import Chain
from harness.provider.dialects import vendor_of

_ROLE = re.compile(r"(primary|fallback-[1-9]\d*)(\.[1-9]\d*)?( of .+)?|fallbacks( of .+)?|all of .+")


def targets(chain: Chain) -> dict[str, tuple[str, ...]]:
    """Return the providers that each name stands for; where one name has several meanings, the first one counts.

    Roles that the chain has no provider for are left out.
    """
    meanings: dict[str, tuple[str, ...]] = {name: (name,) for name in chain.names}
    for others in (chain.roles, groups(chain), vendors(chain), roles_of_models(chain)):
        meanings |= {name: providers for name, providers in others.items() if providers and name not in meanings}
    return meanings


def roles_of_models(chain: Chain) -> dict[str, tuple[str, ...]]:
    """Return the providers of each role of each model that callers can ask for."""
    return {
        f"{role} of {model}": providers
        for model, order in chain.walks.items()
        for role, providers in chain.roles_in(order).items()
        if providers
    }


def lacks_role(chain: Chain, name: str) -> bool:
    """Return whether a name is a role that some chains have a provider for, and this one has not."""
    return name not in targets(chain) and _ROLE.fullmatch(name) is not None


def groups(chain: Chain) -> dict[str, tuple[str, ...]]:
    """Return the providers of each model group and of each alias of one; none without a LiteLLM configuration."""
    if chain.litellm is None:
        return {}
    listed = deployments(chain)
    found = {each.group: tuple(peer.name for peer in listed if peer.group == each.group) for each in listed}
    return {**{alias: found[group] for alias, group in aliases(chain.litellm).items() if group in found}, **found}


def vendors(chain: Chain) -> dict[str, tuple[str, ...]]:
    """Return the providers of each vendor, by `vendor:NAME`."""
    found: dict[str, tuple[str, ...]] = {}
    for name in chain.names:
        vendor = f"vendor:{vendor_of(chain.providers[name])}"
        found[vendor] = (*found.get(vendor, ()), name)
    return found
