"""The network for chains that speak HTTP by httpx: respx routes, one for each provider."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterable

import httpx
import respx

from harness.sim.network import Answering, BrokenError, Network

_DOMAIN = "sim"


def base_url(provider: str) -> str:
    """Return where a provider is called."""
    return f"http://{provider}.{_DOMAIN}"


class Transport(httpx.AsyncBaseTransport):
    """Takes the place of a client's transport. A call to anybody else is an error, as respx has it.

    Args:
        network: Where calls go.
        providers: Their names.
    """

    def __init__(self, network: Network, providers: Iterable[str]) -> None:
        self._network = network
        self._routes = respx.MockRouter(assert_all_called=False)
        for name in providers:
            self._routes.route(host=httpx.URL(base_url(name)).host).mock(side_effect=_Side(network, name))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        return await self._routes.async_handler(request)


class _Side:
    """One provider's route."""

    def __init__(self, network: Network, provider: str) -> None:
        self._network = network
        self._provider = provider

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions.get("timeout") or {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.url.raw_path.decode("ascii")
        try:
            answering = await self._network.send(
                self._provider, request.method, path, headers, await request.aread(), read_s=timeout.get("read")
            )
        except BrokenError as broken:
            raise _error(broken, request, answered=False) from _cause(broken)
        return httpx.Response(answering.status, headers=list(answering.headers), stream=_Body(answering, request))


class _Body(httpx.AsyncByteStream):
    def __init__(self, answering: Answering, request: httpx.Request) -> None:
        self._answering = answering
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._answering.body():
                yield data
        except BrokenError as broken:
            raise _error(broken, self._request, answered=True) from _cause(broken)

    async def aclose(self) -> None:
        self._answering.leave()


def _error(broken: BrokenError, request: httpx.Request, *, answered: bool) -> httpx.TransportError:
    """Return what a client on a socket would get."""
    if broken.outcome == "timeout":
        return httpx.ReadTimeout("nothing came for too long", request=request)
    if broken.outcome == "refused":
        return httpx.ConnectError("connection refused", request=request)
    if broken.outcome == "reset":
        return httpx.ReadError("connection reset", request=request)
    words = "incomplete body" if answered else "Server disconnected without sending a response."
    return httpx.RemoteProtocolError(words, request=request)


def _cause(broken: BrokenError) -> OSError | None:
    number = {"refused": errno.ECONNREFUSED, "reset": errno.ECONNRESET}.get(broken.outcome)
    return None if number is None else OSError(number, os.strerror(number))
