"""The OpenAI-compatible endpoint in front of a chain that a part of ours hosts."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from harness.chain import Chain
from harness.drivers.recorder import Recorder, forget
from harness.part import Part, Serve
from harness.store import decode, encode

_BODY_BYTES_MAX = 64 * 2**20
_SHUTDOWN_S = 1.0
_SSE_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}

Ask = Callable[[dict[str, Any]], AsyncGenerator[str, None]]
"""Ask the chain: a chat completion's body in, which has a `model`, `messages` and `stream`; JSON out: one text for a
plain answer, one for each chunk of a stream. Raises what the chain raises; closing it ends the chain's work."""

Explain = Callable[[Exception], tuple[int, dict[str, Any]]]
"""Give status and body of the answer for what `Ask` raised. Nothing secret may be in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """A chain that is hosted in this very process.

    Attributes:
        ask: Asks it.
        explain: Words its errors.
        model: What callers ask for.
        models: What callers may ask for.
        addressable: The model to ask for to reach a provider, by provider.
        warnings: What the host could not carry over, in sentences.
    """

    ask: Ask
    explain: Explain
    model: str
    models: tuple[str, ...]
    addressable: Mapping[str, str]
    warnings: tuple[str, ...] = ()


class Open(Protocol):
    """Hosts a chain in this process, from entering until leaving."""

    def __call__(
        self, chain: Chain, base_urls: Mapping[str, str], recorder: Recorder
    ) -> AbstractAsyncContextManager[Inside]:
        """Return the chain inside.

        Args:
            chain: With its secrets.
            base_urls: Where each provider is called, by name, without the dialect's own path.
            recorder: Watches every transport that the chain makes, or makes them itself.
        """


def serving(enter: Open) -> Serve:
    """Return the part that hosts the chain in its start message behind an endpoint of its own."""

    @asynccontextmanager
    async def serve(part: Part) -> AsyncIterator[dict[str, Any]]:
        chain = decode(encode(part.config["chain"]), Chain)
        base_urls: dict[str, str] = part.config["base_urls"]
        recorder = Recorder(base_urls, part.capture.put if part.capture is not None else forget)
        async with enter(chain, base_urls, recorder) as inside:
            app = application(inside.ask, explain=inside.explain, models=inside.models)
            try:
                async with listening(app) as base_url:
                    yield {
                        "base_url": base_url,
                        "model": inside.model,
                        "addressable": dict(inside.addressable),
                        "warnings": list(inside.warnings),
                    }
            finally:
                recorder.close()

    return serve


def application(ask: Ask, *, explain: Explain, models: Iterable[str]) -> web.Application:
    """Return the endpoint.

    Args:
        ask: Called for each chat completion.
        explain: Called for whatever it raises.
        models: What `GET /v1/models` lists.
    """
    listed = [{"id": model, "object": "model", "created": 0, "owned_by": "chain"} for model in models]

    async def completions(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
            _ = body["model"], body["messages"]  # there they must be
            streaming = body["stream"] = bool(body.get("stream", False))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failure(400, "expected a JSON object with model and messages", kind="invalid_request_error")
        try:
            async with aclosing(ask(body)) as pieces:
                if streaming:
                    return await _stream(request, pieces, explain)
                return web.Response(text=await anext(pieces), content_type="application/json")
        except ConnectionError:
            raise  # the caller has gone; what providers do comes as the chain's own errors
        except Exception as error:  # whatever the chain raises is the caller's answer
            status, payload = explain(error)
            return web.json_response(payload, status=status)

    async def list_models(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": listed})

    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.router.add_post("/v1/chat/completions", completions)
    app.router.add_get("/v1/models", list_models)
    return app


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; gives the address, up to and including `/v1`.

    A caller who leaves cancels the work on its request.
    """
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _stream(request: web.Request, pieces: AsyncGenerator[str, None], explain: Explain) -> web.StreamResponse:
    """Pass a stream on. What breaks before its first event is a plain error, what breaks later an error event.

    After an error event the body ends properly, without `[DONE]`: so does LiteLLM's proxy.
    """
    first = await anext(pieces, None)
    response = web.StreamResponse(headers=_SSE_HEADERS)
    await response.prepare(request)
    try:
        if first is not None:
            await response.write(_event(first))
        async for piece in pieces:
            await response.write(_event(piece))
        await response.write(_event("[DONE]"))
    except ConnectionError:
        raise
    except Exception as error:  # as above
        _status, payload = explain(error)
        await response.write(_event(json.dumps(payload)))
    await response.write_eof()
    return response


def _event(data: str) -> bytes:
    return f"data: {data}\n\n".encode()


def _failure(status: int, message: str, *, kind: str) -> web.Response:
    payload = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return web.json_response(payload, status=status)
