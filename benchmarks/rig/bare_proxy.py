"""A bare aiohttp proxy on uvloop, as a part: passes every chat request on to one address, and the answer back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import uvloop
from aiohttp import web

from harness import part


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyStart:
    """Start message of the proxy: where it passes requests on to."""

    base_url: str
    capture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyReady:
    """The proxy listens at `base_url`."""

    base_url: str


@asynccontextmanager
async def serve(tie: part.ChildProcess[ProxyStart]) -> AsyncIterator[ProxyReady]:
    """Listen on a free port until the benchmark lets go."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def chat(request: web.BaseRequest) -> web.Response:
            headers = {"content-type": request.content_type, "authorization": request.headers["authorization"]}
            url = f"{tie.start.base_url}{request.path}"
            async with session.post(url, data=await request.read(), headers=headers) as answer:
                body = await answer.read()
                return web.Response(body=body, status=answer.status, content_type=answer.content_type)

        runner = web.ServerRunner(web.Server(chat, access_log=None))
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield ProxyReady(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    part.main("proxy", ProxyStart, serve, loop_factory=uvloop.new_event_loop)
