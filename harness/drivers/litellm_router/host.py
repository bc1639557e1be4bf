"""The part that hosts the Router: build it, watch its transport, serve it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from harness.chain import Chain
from harness.chain.litellm_router import DUMMY_KEY, router_settings
from harness.chain.redact import scrub, secrets
from harness.drivers.litellm_router.router import routed, settle, watch_transports
from harness.drivers.recorder import Recorder, forget
from harness.drivers.server import application, listening
from harness.part import Part
from harness.store import decode, encode


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
    recorder = Recorder(base_urls, part.capture.put if part.capture is not None else forget)
    watch_transports(recorder)
    asked = chain.model or chain.order[0]
    with routed(settings, hidden) as router:
        models = sorted({asked, *settings.addressable.values()})
        app = application(partial(_ask, router), explain=partial(_explain, hidden), models=models)
        try:
            async with listening(app) as base_url:
                yield {
                    "base_url": base_url,
                    "model": asked,
                    "addressable": settings.addressable,
                    "warnings": list(settings.warnings),
                }
        finally:
            recorder.close()


async def _ask(router: Any, body: dict[str, Any]) -> AsyncGenerator[str, None]:
    answer = await router.acompletion(**body)
    if not body["stream"]:
        yield answer.model_dump_json(exclude_none=True)
        return
    try:
        async for chunk in answer:
            yield chunk.model_dump_json(exclude_none=True, exclude_unset=True)
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


def _explain(hidden: frozenset[str], error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure, as LiteLLM's proxy words them; `hidden` are texts that they may not hold."""
    message = scrub(str(getattr(error, "message", error)), hidden)
    code = str(getattr(error, "status_code", ""))
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 500
    if "No deployments available" in message or "No healthy deployment available" in message:
        status = 429
    kind, param = getattr(error, "type", None), getattr(error, "param", None)
    return status, {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
