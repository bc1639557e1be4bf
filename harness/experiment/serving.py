"""Serve providers alone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from harness.watch.served_counts import SETTLE_S, ServedCounts
from harness.watch.server import metrics_server


def serve(
    path: Path,
    *,
    provider: str | None,
    port: int | None,
    listening: Callable[[Sequence[ProviderAddress]], None],
    say: Callable[[str], None],
    failing: Sequence[str] = (),
    allow_real: bool = False,
    metrics: str | None = None,
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
        metrics: Where to serve metrics, as in `--metrics`; nowhere if None.

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
        found = keys(chain, os.environ)
        ended_attempts = None if counted is None else counted.count
        async with edge.serve(chain, provider, port, keys=found, windows=windows, ended=ended_attempts) as addresses:
            listening(addresses)
            while not ended.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), SETTLE_S)
                if counted is not None:
                    counted.settle()

    counted = ServedCounts(chain) if metrics is not None else None
    with metrics_server(counted, metrics) as url:
        if url is not None:
            say(f"metrics: {url}")
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
