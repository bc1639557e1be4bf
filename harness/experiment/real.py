"""Whether real providers may be called, and what that may come to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from harness import edge
from harness.chain import Chain
from harness.chain.keys import gateway_secrets
from harness.chain.upstream import keys, upstream_addresses
from harness.drivers.litellm_prices import unpriced
from harness.errors import HarnessError, UsageError
from harness.quantities import exact


def permit(chain: Chain, environ: Mapping[str, str], *, allow: bool, limited: bool = True) -> None:
    """See that a chain's real providers may be called and can be reached, before anything is started.

    Args:
        chain: The chain.
        environ: Where the keys are.
        allow: The user permits calls that leave this machine.
        limited: The calls end at the chain's `max_requests` and `max_cost`.

    Raises:
        UsageError: They may not be, or a key or price is missing.
        HarnessError: One cannot be reached.
    """
    found = upstream_addresses(chain)
    away = {name: upstream.origin for name, upstream in found.items() if not upstream.loopback}
    if away and not allow:
        where = "; ".join(f"{name} is {origin}" for name, origin in away.items())
        most = f"up to {chain.max_requests} calls and {exact(chain.max_cost, 'usd')}, " if limited else ""
        raise UsageError(
            f"this would call real providers, {most}on your account: {where}",
            hint="use --allow-real if you mean that; without `upstream:` a provider is mocked",
        )
    own = gateway_secrets(chain, environ)
    if own is not None and not own.database.loopback and not allow:
        raise UsageError(
            f"this would make and delete keys in the database at {own.database.host}",
            where="keys.database",
            hint="use --allow-real if you mean that",
        )
    keys(chain, environ)
    for name in away if limited else ():
        if chain.providers[name].price is None:
            raise unpriced(name, chain.providers[name], "max_cost")
    if found:
        asyncio.run(edge.reach(chain.providers))


class Permission:
    """`permit`, asked once for each chain however many scenarios run on it: reaching a provider takes its time.

    Args:
        environ: Where the keys are.
        allow: The user permits calls that leave this machine.
    """

    def __init__(self, environ: Mapping[str, str], *, allow: bool) -> None:
        self._environ = environ
        self._allow = allow
        self._known: list[tuple[Chain, HarnessError | None]] = []

    def __call__(self, chain: Chain) -> None:
        """Return if the chain's providers may be called; raises as `permit` does."""
        for known, error in self._known:
            if known == chain:
                if error is not None:
                    raise error
                return
        try:
            permit(chain, self._environ, allow=self._allow)
        except HarnessError as error:
            self._known.append((chain, error))
            raise
        self._known.append((chain, None))


def notices(chain: Chain, *, limited: bool = True) -> list[str]:
    """Return what is real, a sentence for each provider."""
    most = (
        f"at most {chain.max_requests} requests, {exact(chain.max_cost, 'usd')} in all"
        if limited
        else "without a limit"
    )
    ours = limited and chain.endpoint is None  # a gateway, and callers of `serve`, may have keys of their own
    sentences = []
    for name, upstream in upstream_addresses(chain).items():
        bare = ours and not upstream.loopback and chain.providers[name].api_key is None
        key = "; without `api_key` it gets a dummy key" if bare else ""
        sentences.append(f"{name}: real provider at {upstream.origin}{upstream.path}; {most}{key}")
    return sentences
