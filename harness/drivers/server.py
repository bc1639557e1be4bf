"""The endpoint in front of a chain that a part of ours hosts: OpenAI's addresses, and Anthropic's messages."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aiohttp import web

from harness.chain import Chain
from harness.drivers.environment import LIVE, HostEnvironment
from harness.drivers.recorder import Recorder, forget, working_on
from harness.messages import ChainStart, LoadTarget
from harness.part import ChildProcess, Serve
from harness.provider.dialects import wire
from harness.provider.kinds import PATHS, Api, Kind
from harness.provider.marker import find_request

_BODY_BYTES_MAX = 64 * 2**20
_SHUTDOWN_S = 1.0
_PROMPT: Mapping[Api, str] = {"chat": "messages", "embeddings": "input", "responses": "input", "messages": "messages"}
"""The field that holds the prompt."""
_JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
_SSE_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}

_ANTHROPIC_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
"""Anthropic's types of errors by their status, as LiteLLM's proxy gives them too; any other is an `api_error`."""

_TYPE = re.compile(r'\s*\{\s*"type"\s*:\s*"([\w.]+)"')
"""What such data usually begins with."""

AnswerHeaders = dict[str, str]
"""HTTP headers that a chain adds to its answer."""

Ask = Callable[[Api, dict[str, Any]], AsyncGenerator[str | AnswerHeaders, None]]
"""Ask the chain: the form and the body of a request in, which has a `model`, a prompt and, unless it is for embeddings, `stream`.
JSON out: one text for a plain answer, one for each event of a stream, and before the first of them the answer's headers, if it has
any. It raises what the chain raises; closing it ends the chain's work."""

Explain = Callable[[Exception], tuple[int, dict[str, Any]]]
"""Give status and body of the answer for what `Ask` raised, in the form of OpenAI's errors. Nothing secret may be in them."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers HTTP requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InProcessChain:
    """A chain that is hosted in this very process.

    Attributes:
        ask: Sends it a request.
        explain: Turns its errors into answers.
        model: The model that callers request.
        models: All models that callers may request.
        addressable: The model that leads to a provider, by provider.
        warnings: What the host could not carry over, in sentences.
        lacking: The kinds of request that it cannot carry although its driver can, with the reasons.
    """

    ask: Ask
    explain: Explain
    model: str
    models: tuple[str, ...]
    addressable: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    lacking: Mapping[Kind, str] = field(default_factory=dict)


class Open(Protocol):
    """Hosts a chain in this process, from entering until leaving."""

    def __call__(
        self, chain: Chain, base_urls: Mapping[str, str], recorder: Recorder, environment: HostEnvironment = LIVE
    ) -> AbstractAsyncContextManager[InProcessChain]:
        """Return the chain inside.

        Args:
            chain: With its secrets.
            base_urls: Where each provider is called, by name, without the dialect's own path.
            recorder: Records every attempt.
            environment: The clock and the sockets of the chain.
        """


def serving(enter: Open) -> Serve[ChainStart]:
    """Return the part that hosts the chain in its start message behind an endpoint of its own."""

    @asynccontextmanager
    async def serve(part: ChildProcess[ChainStart]) -> AsyncIterator[LoadTarget]:
        start = part.start
        os.environ.update(start.environ)
        recorder = Recorder(
            start.chain.providers, start.base_urls, part.capture.put if part.capture is not None else forget
        )
        environment = replace(LIVE, seed=start.seed)
        async with enter(start.chain, start.base_urls, recorder, environment) as inside:
            try:
                async with listening(endpoint(inside.ask, explain=inside.explain, models=inside.models)) as base_url:
                    yield LoadTarget(
                        base_url=base_url,
                        model=inside.model,
                        addressable=dict(inside.addressable),
                        warnings=inside.warnings,
                        lacking=dict(inside.lacking),
                    )
            finally:
                recorder.close()

    return serve


def endpoint(ask: Ask, *, explain: Explain, models: Iterable[str]) -> Handler:
    """Return the endpoint. It has five addresses, and so needs no router, nor the rest of an aiohttp application.

    Args:
        ask: Called for each request.
        explain: Called for whatever it raises.
        models: What `GET /v1/models` lists.
    """
    listed = [{"id": model, "object": "model", "created": 0, "owned_by": "chain"} for model in models]

    forms = {f"/v1{path}": api for api, path in PATHS.items()}

    async def answer(request: web.BaseRequest, api: Api) -> web.StreamResponse:
        try:
            data = await request.read()
            body = json.loads(data)
            _ = body["model"], body[_PROMPT[api]]  # there they must be
            streaming = api != "embeddings" and bool(body.get("stream", False))
            if api != "embeddings":
                body["stream"] = streaming
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f"expected a JSON object with model and {_PROMPT[api]}"
            return _failure(400, message, kind="invalid_request_error")
        marker = find_request(data)
        try:
            with working_on(None if marker is None else marker.request_id):
                async with aclosing(ask(api, body)) as pieces:
                    headers, first = opened = await opening(pieces)
                    if streaming:
                        return await _stream(request, api, opened, pieces, explain)
                    return web.Response(body=(first or "").encode(), headers={**_JSON_HEADERS, **headers})
        except ConnectionError:
            raise  # the caller has left; failures of providers arrive as the chain's own errors
        except Exception as error:  # whatever the chain raises is the caller's answer
            status, payload = explained(api, explain, error)
            return web.json_response(payload, status=status)

    async def serve(request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "POST" and (api := forms.get(request.path)) is not None:
            return await answer(request, api)
        if request.path == "/v1/models" and request.method == "GET":
            return web.json_response({"object": "list", "data": listed})
        return _failure(404, f"unknown address: {request.method} {request.path}", kind="not_found")

    return serve


async def opening(pieces: AsyncGenerator[str | AnswerHeaders, None]) -> tuple[AnswerHeaders, str | None]:
    """Return the headers of a chain's answer, if it has any, and its first text; None if it is empty."""
    first = await anext(pieces, None)
    if not isinstance(first, dict):
        return {}, first
    text = await anext(pieces, None)
    assert not isinstance(text, dict)
    return first, text


@asynccontextmanager
async def listening(endpoint: Handler) -> AsyncIterator[str]:
    """Serve on a free port of the loopback; yields the address, up to and including `/v1`.

    A caller who leaves cancels the work on its request.
    """
    loop = asyncio.get_running_loop()

    def request(message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_BODY_BYTES_MAX)

    server = web.Server(endpoint, request_factory=request, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def _stream(
    request: web.BaseRequest,
    api: Api,
    opened: tuple[AnswerHeaders, str | None],
    pieces: AsyncGenerator[str | AnswerHeaders, None],
    explain: Explain,
) -> web.StreamResponse:
    """Pass a stream on. What breaks before its first event is a plain error, what breaks later an error event.

    After an error event the body ends properly, without `[DONE]`: so does LiteLLM's proxy.
    """
    headers, first = opened
    response = web.StreamResponse(headers={**_SSE_HEADERS, **headers})
    await response.prepare(request)
    try:
        if first is not None:
            await response.write(event(api, first))
        async for piece in pieces:
            assert isinstance(piece, str)
            await response.write(event(api, piece))
        await response.write(last_event(api))
    except ConnectionError:
        raise
    except Exception as error:  # as above
        await response.write(error_event(api, explained(api, explain, error)[1]))
    await response.write_eof()
    return response


def event(api: Api, data: str) -> bytes:
    """Return an event of a stream: in OpenAI's responses and Anthropic's messages its data's type names it.

    Data that is no JSON, as from a provider whose stream broke, is passed on too.
    """
    if api == "chat":
        return f"data: {data}\n\n".encode()
    begun = _TYPE.match(data)
    kind = begun[1] if begun else wire.as_object(wire.load(data.encode())).get("type", "")
    return f"event: {kind}\ndata: {data}\n\n".encode()


def last_event(api: Api) -> bytes:
    """Return what ends a stream after its last event; empty where nothing does."""
    return b"data: [DONE]\n\n" if api == "chat" else b""


def explained(api: Api, explain: Explain, error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of the answer for what a chain raised, in the form of the request."""
    status, payload = explain(error)
    if api != "messages":
        return status, payload
    kind = _ANTHROPIC_ERRORS.get(status, "api_error")
    return status, {"type": "error", "error": {"type": kind, "message": payload["error"]["message"]}}


def error_event(api: Api, payload: Mapping[str, Any]) -> bytes:
    """Return the event by which a stream ends in an error; in OpenAI's responses that is the failed response.

    Args:
        api: The form of the request.
        payload: The error, as a plain answer would have it.
    """
    if api != "responses":
        return event(api, json.dumps(payload))
    error = payload["error"]
    code = error.get("code") or "server_error"
    failed = {"object": "response", "status": "failed", "error": {"code": code, "message": error["message"]}}
    return event(api, json.dumps({"type": "response.failed", "response": failed}))


def _failure(status: int, message: str, *, kind: str) -> web.Response:
    payload = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return web.json_response(payload, status=status)
