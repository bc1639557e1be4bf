"""The Router, hosted: build it, watch its transports."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from harness.chain import Chain
from harness.chain.litellm_router import router_settings
from harness.chain.redact import secrets
from harness.chain.spec import DUMMY_KEY
from harness.drivers.carried import by_kind
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.litellm_router.asking import ask, explain, missing
from harness.drivers.litellm_router.router import close_clients, routed, settle
from harness.drivers.litellm_router.virtual_stores import virtual_stores
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain
from harness.drivers.watched import watched


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
                ask=partial(ask, router),
                explain=partial(explain, hidden),
                model=asked,
                models=tuple(sorted({asked, *settings.addressable.values()})),
                addressable=settings.addressable,
                warnings=settings.warnings,
                lacking=by_kind(missing(router)),
            )
        finally:
            await close_clients()
