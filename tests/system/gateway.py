"""A gateway in the place of a user's own: the first provider, else the second. Its options are what real ones do.

`python gateway.py PORT BASE_URL BASE_URL [OPTION…]`. By default it is as plain as can be, and drops all headers.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp import web

SHAPES = {
    "html": ("text/html", "<html><title>Sign in</title></html>"),
    "empty": ("application/json", ""),
    "no-choices": ("application/json", '{"id": "1"}'),
    "choices-empty": ("application/json", '{"choices": []}'),
    "null": ("application/json", '{"choices": [{"message": {"role": "assistant", "content": null}}]}'),
    "error": ("application/json", '{"error": {"message": "busy", "code": "overloaded"}}'),
}


class Gateway:
    """Answers chat completions out of its providers' answers."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self._shapes = itertools.cycle(options.answer)
        self._session = aiohttp.ClientSession()
        self._ready_at = asyncio.get_running_loop().time() + options.slow_start

    def application(self) -> web.Application:
        """Return its endpoint."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/health", self.health)
        app.on_cleanup.append(self._close)
        return app

    async def health(self, request: web.Request) -> web.Response:
        """Be ready only after a while, and only for those who have the key."""
        if not self._known(request):
            return web.Response(status=401)
        return web.Response(status=503 if asyncio.get_running_loop().time() < self._ready_at else 200)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Try each provider once, in order."""
        if not self._known(request):
            return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
        if self.options.answer:
            return self._wrong(request, next(self._shapes))
        body = await request.json()
        asked, body["model"] = body["model"], self.options.rename or body["model"]
        status, answer, kind = 502, b"{}", "application/json"
        for base_url in self.options.providers:
            try:
                async with self._session.post(f"{base_url}/chat/completions", json=body) as got:
                    status, answer, kind = got.status, await got.read(), got.content_type
            except aiohttp.ClientError:
                continue
            if status == 200:
                break
        if self.options.rename:
            answer = answer.replace(json.dumps(body["model"]).encode(), json.dumps(f"our-{asked}").encode())
        if kind == "text/event-stream":
            return await self._reframed(request, answer)
        response = web.Response(body=answer, status=status, content_type=kind)
        self._mind_connection(response)
        return response

    async def _reframed(self, request: web.Request, events: bytes) -> web.StreamResponse:
        """Send a stream that was held back whole, with other line ends, comments and cuts than it came with."""
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        self._mind_connection(response)
        await response.prepare(request)
        framed = b": held back\r\n\r\n" + events.replace(b"\n", b"\r\n")
        for start in range(0, len(framed), 100):
            await response.write(framed[start : start + 100])
        await response.write_eof()
        return response

    def _wrong(self, request: web.Request, shape: str) -> web.Response:
        if shape == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        kind, text = SHAPES[shape]
        return web.Response(text=text, content_type=kind)

    def _mind_connection(self, response: web.StreamResponse) -> None:
        if self.options.no_keep_alive:
            response.force_close()

    def _known(self, request: web.Request) -> bool:
        key = os.environ.get(self.options.key_variable) if self.options.key_variable else None
        return key is None or request.headers.get("authorization") == f"Bearer {key}"

    async def _close(self, _app: web.Application) -> None:
        await self._session.close()


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("providers", nargs=2)
    parser.add_argument("--rename", help="the model that the providers are asked for, whatever callers ask for")
    parser.add_argument("--no-keep-alive", action="store_true", help="close every connection after its answer")
    parser.add_argument("--answer", action="append", default=[], choices=[*SHAPES, "drop"], help="in turn, to everyone")
    parser.add_argument("--slow-start", type=float, default=0.0, help="seconds until it is healthy")
    parser.add_argument("--die", help="say this and end at once")
    parser.add_argument("--key-variable", help="the environment variable with the key that callers must send; printed")
    parser.add_argument("--api-key", help="told on the command line, as some gateways want it")
    return parser.parse_args(arguments)


async def serve(chosen: argparse.Namespace) -> None:
    """Serve until ended."""
    runner: Any = web.AppRunner(Gateway(chosen).application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", chosen.port).start()
    await asyncio.Event().wait()


def main() -> None:
    """Run it."""
    chosen = options(sys.argv[1:])
    sys.stderr.write(f"started with {sys.argv[1:]}\n")  # as gateways do, keys and all
    if chosen.key_variable:
        sys.stderr.write(f"my key is {os.environ[chosen.key_variable]}\n")
    sys.stderr.flush()
    if chosen.die:
        sys.exit(chosen.die)
    asyncio.run(serve(chosen))


if __name__ == "__main__":
    main()
