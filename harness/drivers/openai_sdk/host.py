"""The clients, hosted: make them, watch their transports."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from harness.chain import Chain
from harness.chain.openai_sdk import sdk_settings
from harness.chain.redact import secrets
from harness.drivers.carried import by_kind
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.openai_sdk.fallback import Fallback, client, explain, missing
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain
from harness.drivers.watched import watched


@asynccontextmanager
async def enter(
    chain: Chain,
    base_urls: Mapping[str, str],
    recorder: Recorder,
    environment: HostEnvironment = LIVE,  # noqa: ARG001 - its library calls over the event loop's own connections
) -> AsyncIterator[InProcessChain]:
    """Host a chain; see `Open`.

    Raises:
        UsageError: The SDK cannot do what the chain asks for.
    """
    settings = sdk_settings(chain)
    names = chain.names
    async with AsyncExitStack() as stack:
        stack.enter_context(watched(recorder))
        clients = {
            name: await stack.enter_async_context(client(chain.providers[name], base_urls[name], settings))
            for name in names
        }
        fallback = Fallback(clients, {name: chain.providers[name].model for name in names}, chain.order)
        yield InProcessChain(
            ask=fallback.ask,
            explain=partial(explain, secrets(chain, os.environ)),
            model=chain.order[0],
            models=tuple(sorted(names)),
            addressable={name: name for name in names},
            lacking=by_kind(missing()),
        )
