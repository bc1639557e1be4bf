"""The Router, hosted: build it, watch its transports."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from harness.chain import Chain
from harness.chain.litellm_router import router_settings
from harness.chain.redact import secrets
from harness.chain.scrub import scrub
from harness.chain.spec import DUMMY_KEY
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.litellm_router.router import close_clients, routed, settle
from harness.drivers.litellm_router.virtual_stores import virtual_stores
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain
from harness.drivers.watched import watched
from harness.provider.kinds import Api


@asynccontextmanager
async def enter(
    chain: Chain,
    base_urls: Mapping[str, str],
    recorder: Recorder,
    environment: HostEnvironment = LIVE,
) -> AsyncIterator[InProcessChain]:
    """Host a chain; see `Open`.

    Raises:
        UsageError: LiteLLM refuses the chain, or would speak another wire format.
    """
    settings = settle(router_settings(chain, base_urls, os.environ, proxy=False))
    keys = {str(entry["litellm_params"]["api_key"]) for entry in settings.model_list} - {DUMMY_KEY}
    hidden = secrets(chain, os.environ) | keys
    asked = chain.entry_model
    stores = nullcontext() if environment.live else virtual_stores(routing=True)
    with stores, watched(recorder), routed(settings, hidden) as router:
        try:
            yield InProcessChain(
                ask=partial(_ask, router),
                explain=partial(_explain, hidden),
                model=asked,
                models=tuple(sorted({asked, *settings.addressable.values()})),
                addressable=settings.addressable,
                warnings=settings.warnings,
            )
        finally:
            await close_clients()


async def _ask(router: Any, _api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
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
