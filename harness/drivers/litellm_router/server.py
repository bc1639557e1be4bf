"""An OpenAI-compatible endpoint in front of a Router, which answers and fails as LiteLLM's own proxy does."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import Any

from aiohttp import web

from harness.chain.redact import scrub

_BODY_BYTES_MAX = 64 * 2**20
_SSE_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


def application(router: Any, *, models: Iterable[str], hidden: frozenset[str]) -> web.Application:
    """Return the endpoint.

    Args:
        router: Its `acompletion` is called.
        models: What `GET /v1/models` lists.
        hidden: Texts that no answer may hold.
    """
    listed = [{"id": model, "object": "model", "created": 0, "owned_by": "chain"} for model in models]

    async def completions(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
            model, messages = body.pop("model"), body.pop("messages")
            streaming = bool(body.pop("stream", False))
        except (ValueError, KeyError, TypeError, AttributeError):
            return _failure(400, "expected a JSON object with model and messages", kind="invalid_request_error")
        try:
            answer = await router.acompletion(model=model, messages=messages, stream=streaming, **body)
            if streaming:
                return await _stream(request, answer, hidden)
        except ConnectionError:
            raise  # the caller has gone; what providers do comes as LiteLLM's own errors
        except Exception as error:  # whatever the Router raises is the caller's answer
            status, payload = _explain(error, hidden)
            return web.json_response(payload, status=status)
        return web.Response(text=answer.model_dump_json(exclude_none=True), content_type="application/json")

    async def list_models(_request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": listed})

    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.router.add_post("/v1/chat/completions", completions)
    app.router.add_get("/v1/models", list_models)
    return app


async def _stream(request: web.Request, answer: AsyncIterator[Any], hidden: frozenset[str]) -> web.StreamResponse:
    """Pass a stream on. What breaks before its first event is a plain error, what breaks later an error event.

    After an error event the body ends properly, without `[DONE]`: so does LiteLLM's proxy.
    """
    async with aclosing(_events(answer)) as events:
        first = await anext(events, b"data: [DONE]\n\n")
        response = web.StreamResponse(headers=_SSE_HEADERS)
        await response.prepare(request)
        try:
            await response.write(first)
            async for event in events:
                await response.write(event)
        except ConnectionError:
            raise
        except Exception as error:  # as above
            _status, payload = _explain(error, hidden)
            await response.write(b"data: " + json.dumps(payload).encode() + b"\n\n")
    await response.write_eof()
    return response


async def _events(answer: Any) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in answer:
            yield b"data: " + chunk.model_dump_json(exclude_none=True, exclude_unset=True).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


def _explain(error: Exception, hidden: frozenset[str]) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure, as LiteLLM's proxy words them."""
    message = scrub(str(getattr(error, "message", error)), hidden)
    code = str(getattr(error, "status_code", ""))
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 500
    if "No deployments available" in message or "No healthy deployment available" in message:
        status = 429
    kind, param = getattr(error, "type", None), getattr(error, "param", None)
    return status, {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}


def _failure(status: int, message: str, *, kind: str) -> web.Response:
    payload = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return web.json_response(payload, status=status)
