"""Build the Router, watch its transport, serve it."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from harness.chain import Chain
from harness.chain.litellm_router import DUMMY_KEY, RouterSettings, router_settings
from harness.chain.redact import secrets
from harness.drivers.litellm_router.server import application, scrub
from harness.drivers.recorder import Recorder
from harness.errors import UsageError
from harness.history.records import ChainAttempt
from harness.part import Part
from harness.store import decode, encode

SHUTDOWN_S = 1.0


def silence() -> None:
    """Set the environment before LiteLLM is imported: no call out, no debug log, no detour through a proxy."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_LOG"] = "CRITICAL"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    for name in ("OPENAI_LOG", "DETAILED_DEBUG"):
        os.environ.pop(name, None)


@asynccontextmanager
async def serve(part: Part) -> AsyncIterator[dict[str, Any]]:
    """Host the chain in the start message; the ready message says where, and what to ask for.

    Raises:
        UsageError: LiteLLM does not take the chain, or takes it for something else.
    """
    chain = decode(encode(part.config["chain"]), Chain)
    base_urls: dict[str, str] = part.config["base_urls"]
    settings = router_settings(chain, base_urls, os.environ)
    recorder = Recorder(base_urls, part.capture.put if part.capture is not None else _forget)
    keys = {str(entry["litellm_params"]["api_key"]) for entry in settings.model_list} - {DUMMY_KEY}
    hidden = frozenset(keys) | secrets(chain, os.environ)
    router = _build(settings, recorder, hidden)
    asked = chain.model or chain.order[0]
    app = application(router, models=sorted({asked, *settings.addressable.values()}), secrets=hidden)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield {
            "base_url": f"http://127.0.0.1:{port}/v1",
            "model": asked,
            "addressable": settings.addressable,
            "warnings": list(settings.warnings),
        }
    finally:
        await runner.cleanup()
        recorder.close()
        router.discard()


def _forget(_row: ChainAttempt) -> None:
    """Record nothing: the run has no capture."""


def _build(settings: RouterSettings, recorder: Recorder, hidden: frozenset[str]) -> Any:
    import litellm  # noqa: PLC0415 - takes seconds

    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "openai"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    for name, value in settings.module.items():
        setattr(litellm, name, value)
    _check_dialects(litellm, settings)
    watch_transports(recorder)
    try:
        router = litellm.Router(model_list=[dict(entry) for entry in settings.model_list], **settings.router)
    except Exception as error:
        said = scrub(str(error), hidden).split("\n", 1)[0][:300]
        problem = f"LiteLLM does not take this chain: {type(error).__name__}: {said}"
        raise UsageError(problem, where="chain") from None
    return router


def watch_transports(recorder: Recorder) -> None:
    """Have every HTTP transport that LiteLLM makes from now on recorded; all its async clients get theirs here."""
    import httpx  # noqa: PLC0415 - LiteLLM's import would load it anyway
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler  # noqa: PLC0415 - takes seconds

    create = AsyncHTTPHandler.create_async_transport

    def create_async_transport(*args: Any, **kwargs: Any) -> Any:
        transport: Any = create(*args, **kwargs) or httpx.AsyncHTTPTransport()
        # On the instance: LiteLLM looks at its transport's class.
        transport.handle_async_request = recorder.watch(transport.handle_async_request)
        return transport

    AsyncHTTPHandler.create_async_transport = staticmethod(create_async_transport)


def _check_dialects(litellm: Any, settings: RouterSettings) -> None:
    """Raise where LiteLLM would speak another wire format than the mocked provider."""
    for entry, dialect in zip(settings.model_list, settings.dialects, strict=True):
        params = entry["litellm_params"]
        if "*" in params["model"]:
            continue
        try:
            _model, spoken, _key, _base = litellm.get_llm_provider(
                model=params["model"],
                custom_llm_provider=params.get("custom_llm_provider"),
                api_base=params["api_base"],
            )
        except Exception:
            spoken = "nobody"
        if spoken not in (dialect, f"{dialect}_text"):
            problem = f"LiteLLM takes {params['model']!r} for a model of {spoken}, not of {dialect}"
            hint = f"write {dialect}/{params['model']}"
            raise UsageError(problem, where=f"model {entry['model_name']!r}", hint=hint)
