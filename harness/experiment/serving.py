"""Serve providers alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from harness import chain as chains
from harness import edge
from harness.chain import Chain
from harness.chain.upstream import keys
from harness.edge import ProviderAddress
from harness.errors import UsageError
from harness.experiment.failing import failures
from harness.experiment.real import notices, permit
from harness.scenario import Window
from harness.scenario.shipped import located


def serve(
    path: Path,
    *,
    provider: str | None,
    port: int | None,
    listening: Callable[[Sequence[ProviderAddress]], None],
    say: Callable[[str], None],
    failing: Sequence[str] = (),
    allow_real: bool = False,
) -> None:
    """Serve a chain's providers until a signal ends it: mocks, and real ones passed through.

    Args:
        path: The chain file, or the name of a shipped one.
        provider: Only this one.
        port: Of the first provider; further ones follow it.
        listening: Told where the providers are, once they listen.
        say: Prints which providers are real, and which fail.
        failing: What fails, in the words of `harness probe`.
        allow_real: Real providers that are not on this machine may be called.

    Raises:
        HarnessError: The chain or a failure is wrong, or a port is in use.
    """
    chain = chains.load(located(path))
    windows = _windows(chain, failing, provider)
    if provider in chain.providers:
        served = {provider: chain.providers[provider]}
        chain = replace(chain, providers=served, order=(provider,), peers=())
    permit(chain, os.environ, allow=allow_real, limited=False)
    for notice in notices(chain, limited=False):
        say(notice)
    for window in windows:
        say(f"{window.provider}: {window.text}")

    async def main() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with edge.serve(chain, provider, port, keys=keys(chain, os.environ), windows=windows) as addresses:
            listening(addresses)
            await ended.wait()

    asyncio.run(main())


def _windows(chain: Chain, failing: Sequence[str], provider: str | None) -> tuple[Window, ...]:
    """Return what fails of what is served."""
    windows = failures(failing, chain) if failing else ()
    if provider not in chain.providers:
        return windows
    served = tuple(window for window in windows if window.provider == provider)
    for place, text in enumerate(failing, start=1):
        if not any(window.fault_id == f"fault-{place}" for window in served):
            raise UsageError(f"{text!r} is of a provider that is not served", where="--fail", known=provider)
    return served
