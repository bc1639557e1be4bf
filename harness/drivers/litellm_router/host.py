"""The part that hosts the Router: build it, watch its transport, serve it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from harness.chain import Chain
from harness.chain.litellm_router import DUMMY_KEY, router_settings
from harness.chain.redact import secrets
from harness.drivers.litellm_router.router import routed, settle, watch_transports
from harness.drivers.litellm_router.server import application
from harness.drivers.recorder import Recorder
from harness.history.records import ChainAttempt
from harness.part import Part
from harness.store import decode, encode

SHUTDOWN_S = 1.0


@asynccontextmanager
async def serve(part: Part) -> AsyncIterator[dict[str, Any]]:
    """Host the chain in the start message; the ready message says where, and what to ask for.

    Raises:
        UsageError: LiteLLM does not take the chain, or takes it for something else.
    """
    chain = decode(encode(part.config["chain"]), Chain)
    base_urls: dict[str, str] = part.config["base_urls"]
    settings = settle(router_settings(chain, base_urls, os.environ))
    keys = {str(entry["litellm_params"]["api_key"]) for entry in settings.model_list} - {DUMMY_KEY}
    hidden = secrets(chain, os.environ) | keys
    recorder = Recorder(base_urls, part.capture.put if part.capture is not None else _forget)
    watch_transports(recorder)
    asked = chain.model or chain.order[0]
    with routed(settings, hidden) as router:
        models = sorted({asked, *settings.addressable.values()})
        app = application(router, models=models, hidden=hidden)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield {
                "base_url": f"http://127.0.0.1:{runner.addresses[0][1]}/v1",
                "model": asked,
                "addressable": settings.addressable,
                "warnings": list(settings.warnings),
            }
        finally:
            await runner.cleanup()
            recorder.close()


def _forget(_row: ChainAttempt) -> None:
    """Record nothing: the run has no capture."""
