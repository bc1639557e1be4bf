"""The part that hosts the clients: make them, watch their transports, serve them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from harness.chain import Chain
from harness.chain.openai_sdk import sdk_settings
from harness.chain.redact import secrets
from harness.drivers.openai_sdk.fallback import Fallback, client, explain
from harness.drivers.recorder import Recorder, forget
from harness.drivers.server import application, listening
from harness.part import Part
from harness.store import decode, encode


@asynccontextmanager
async def serve(part: Part) -> AsyncIterator[dict[str, Any]]:
    """Host the chain in the start message; the ready message says where, and what to ask for.

    Raises:
        UsageError: The SDK cannot do what the chain asks for.
    """
    chain = decode(encode(part.config["chain"]), Chain)
    base_urls: dict[str, str] = part.config["base_urls"]
    settings = sdk_settings(chain)
    recorder = Recorder(base_urls, part.capture.put if part.capture is not None else forget)
    names = [*chain.order, *(name for name in chain.providers if name not in chain.order)]
    async with AsyncExitStack() as stack:
        stack.callback(recorder.close)
        clients = {
            name: await stack.enter_async_context(
                client(chain.providers[name], base_urls[name], settings, recorder),
            )
            for name in names
        }
        chain_of_clients = Fallback(clients, {name: chain.providers[name].model for name in names}, chain.order)
        hidden = secrets(chain, os.environ)
        app = application(chain_of_clients.ask, explain=partial(explain, hidden), models=sorted(names))
        yield {
            "base_url": await stack.enter_async_context(listening(app)),
            "model": chain.order[0],
            "addressable": {name: name for name in names},
            "warnings": [],
        }
