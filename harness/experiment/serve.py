"""Serve mocked providers alone."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from harness import chain as chains
from harness import edge


def serve(path: Path, *, provider: str | None, port: int | None, listening: Callable[[dict[str, str]], None]) -> None:
    """Serve a chain's mocked providers until a signal ends it.

    Args:
        path: The chain file.
        provider: Only this one.
        port: Of the first provider; further ones follow it.
        listening: Told the providers' addresses, by name, once they listen.

    Raises:
        HarnessError: The chain is wrong, or a port is in use.
    """
    chain = chains.load(path)

    async def main() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with edge.serve(chain, provider, port) as addresses:
            listening({address.provider: address.base_url for address in addresses})
            await ended.wait()

    asyncio.run(main())
