"""The OpenAI-compatible endpoint in front of a chain that a part of ours hosts."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from aiohttp import web

_BODY_BYTES_MAX = 64 * 2**20
_SHUTDOWN_S = 1.0
_SSE_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}

Ask = Callable[[dict[str, Any]], AsyncGenerator[str, None]]
"""Ask the chain: a chat completion's body in, which has a `model`, `messages` and `stream`; JSON out: one text for a
plain answer, one for each chunk of a stream. Raises what the chain raises; closing it ends the chain's work."""

Explain = Callable[[Exception], tuple[int, dict[str, Any]]]
"""Give status and body of the answer for what `Ask` raised. Nothing secret may be in them."""


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
