"""Which providers a request should try, in which order: its model's, or its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.spec import ROLES, ChainError
from harness.chain.targets import targets
from harness.document import did_you_mean, field_error
from harness.scenario.mix import MixPart
from harness.scenario.schema import Load

Order = tuple[str, ...]


def orders(load: Load, chain: Chain) -> tuple[Order, ...]:
    """Return the order of each kind of request in a load; see `order_of`."""
    return tuple(order_of(part, chain) for part in load.parts)


def order_of(part: MixPart, chain: Chain) -> Order:
    """Return the providers that a kind of request should try, in order.

    Raises:
        PydanticCustomError: The chain has no such model, or nothing that is called like a name in the part's own chain.
    """
    if part.chain is not None:
        known = targets(chain)
        for name in part.chain:
            if name not in known:
                raise field_error(f"unknown provider {name!r}", known=", ".join(known), hint=did_you_mean(name, known))
        return tuple(dict.fromkeys(provider for name in part.chain for provider in known[name]))
    return order_for(part.model, chain)


def order_for(model: str | None, chain: Chain) -> Order:
    """Return the order of a model; a model that a chain of the user's own understands, and we do not, has the chain's order.

    Raises:
        PydanticCustomError: The chain has no such model.
    """
    if model is None or chain.endpoint is not None or chain.target is not None:
        return chain.order
    if model in chain.walks:
        return chain.walks[model]
    if model in chain.providers and chain.litellm is None:
        return (model,)
    known = dict.fromkeys((*chain.walks, *(chain.providers if chain.litellm is None else ())))
    raise field_error(
        f"the chain has no model {model!r}", known=", ".join(known)[:500], hint=did_you_mean(model, known)
    )


def meanings(load: Load, chain: Chain) -> dict[str, Order]:
    """Return the providers that each name after `on` stands for; a role where it is the same for all requests of a load.

    Raises:
        PydanticCustomError: As `order_of`.
    """
    first, *others = (chain.roles_in(order) for order in dict.fromkeys(orders(load, chain)))
    roles = {
        role: providers for role, providers in first.items() if all(each.get(role) == providers for each in others)
    }
    found = {
        name: roles.get(name, ()) if ROLES.fullmatch(name) else providers for name, providers in targets(chain).items()
    }
    return {name: providers for name, providers in {**found, **roles}.items() if providers}


def own_fields(part: MixPart, chain: Chain) -> Mapping[str, Any]:
    """Return the fields of a request's body by which a kind of request asks for its own order; none where it has none.

    Raises:
        ChainError: The chain cannot be asked for that.
    """
    own_order = driver_of(chain).own_order
    if part.chain is None:
        return {}
    if own_order is None:
        raise ChainError(f"`driver: {chain.driver}` cannot be asked for an order", ("chain",))
    return own_order(chain, part.chain)
