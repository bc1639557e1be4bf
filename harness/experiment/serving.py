"""Serve providers alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness import chain as chains
from harness import edge
from harness.chain.upstream import keys
from harness.experiment.real import notices, permit


def serve(
    path: Path,
    *,
    provider: str | None,
    port: int | None,
    listening: Callable[[dict[str, str]], None],
    say: Callable[[str], None],
    allow_real: bool = False,
) -> None:
    """Serve a chain's providers until a signal ends it: mocks, and real ones passed through.

    Args:
        path: The chain file.
        provider: Only this one.
        port: Of the first provider; further ones follow it.
        listening: Told the providers' addresses, by name, once they listen.
        say: Prints which providers are real.
        allow_real: Real providers that are not on this machine may be called.

    Raises:
        HarnessError: The chain is wrong, or a port is in use.
    """
    chain = chains.load(path)
    if provider in chain.providers:
        served = {provider: chain.providers[provider]}
        chain = replace(chain, providers=served, order=(provider,), peers=())
    permit(chain, os.environ, allow=allow_real, limited=False)
    for notice in notices(chain, limited=False):
        say(notice)

    async def main() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with edge.serve(chain, provider, port, keys=keys(chain, os.environ)) as addresses:
            listening({address.provider: address.base_url for address in addresses})
            await ended.wait()

    asyncio.run(main())
