"""The network for chains that speak HTTP by httpx: respx routes, one for each provider."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal
from weakref import WeakValueDictionary

import httpx
import respx

from harness.drivers.environment import ErrorStyle
from harness.drivers.reference.wire import BrokenError
from harness.history import AttemptOutcome
from harness.sim.network import Answering, Network

_DOMAIN = "sim"

_Raised = tuple[type[httpx.TransportError], int | None, str]

ReachedPoint = Literal["connecting", "asked", "answered"]
"""How far an exchange had come: to a connection, to the headers of its answer."""

_ERRORS: Mapping[ErrorStyle, Mapping[tuple[AttemptOutcome, ReachedPoint], _Raised]] = {
    "httpx": {
        ("refused", "connecting"): (httpx.ConnectError, errno.ECONNREFUSED, "All connection attempts failed"),
        ("reset", "asked"): (httpx.ReadError, errno.ECONNRESET, ""),
        ("reset", "answered"): (httpx.ReadError, errno.ECONNRESET, ""),
        ("cut", "asked"): (httpx.RemoteProtocolError, None, "Server disconnected without sending a response."),
        ("cut", "answered"): (
            httpx.RemoteProtocolError,
            None,
            "peer closed connection without sending complete message body",
        ),
        ("timeout", "connecting"): (httpx.ConnectTimeout, None, ""),
        ("timeout", "asked"): (httpx.ReadTimeout, None, ""),
        ("timeout", "answered"): (httpx.ReadTimeout, None, ""),
    },
    "aiohttp": {
        ("refused", "connecting"): (httpx.ConnectError, errno.ECONNREFUSED, "Cannot connect to host"),
        ("reset", "asked"): (httpx.ConnectError, errno.ECONNRESET, "[Errno 104] Connection reset by peer"),
        ("reset", "answered"): (httpx.ReadError, None, "Response payload is not completed. ConnectionResetError"),
        ("cut", "asked"): (httpx.ReadError, None, "Server disconnected"),
        ("cut", "answered"): (httpx.ReadError, None, "Response payload is not completed"),
        ("timeout", "connecting"): (httpx.ConnectTimeout, None, "Connection timeout to host"),
        ("timeout", "asked"): (httpx.ReadTimeout, None, "Timeout on reading data from socket"),
        ("timeout", "answered"): (httpx.ReadTimeout, None, "Timeout on reading data from socket"),
    },
}
"""By how an exchange broke, and how far it had come; measured in tests/sim/test_wire_manners.py."""


def base_url(provider: str) -> str:
    """Return where a provider is called."""
    return f"http://{provider}.{_DOMAIN}"


class Transport(httpx.AsyncBaseTransport):
    """Takes the place of a client's transport. A call to anybody else is an error, as respx has it.

    Args:
        network: Where calls go.
        providers: Their names.
        manner: How it fails.
    """

    def __init__(self, network: Network, providers: Iterable[str], *, manner: ErrorStyle) -> None:
        self._manner: ErrorStyle = manner
        self._bodies: _Bodies = WeakValueDictionary()  # in their order, unlike a set
        self._routes = _Routes(assert_all_called=False)
        for name in providers:
            route = _ProviderRoute(network, name, manner, self._bodies)
            self._routes.route(host=httpx.URL(base_url(name)).host).mock(side_effect=route)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        try:
            return await self._routes.async_handler(request)
        except BrokenError as broken:  # made an error here: respx puts causes of its own into those of its routes
            raise _error(self._manner, broken, request, answered=False) from _cause(
                self._manner, broken, answered=False
            )

    async def aclose(self) -> None:
        """Close all connections, also those that somebody still reads from: LiteLLM does so to a stream sent again."""
        for body in list(self._bodies.values()):
            body.lose()


class _Routes(respx.MockRouter):
    """Routes that forget: kept answers would keep their connections open, and a run's memory."""

    def record(self, *_args: Any, **_options: Any) -> None:
        """Keep nothing."""


class _ProviderRoute:
    """One provider's route."""

    def __init__(self, network: Network, provider: str, manner: ErrorStyle, bodies: _Bodies) -> None:
        self._network = network
        self._provider = provider
        self._manner: ErrorStyle = manner
        self._bodies = bodies

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        timeout = request.extensions.get("timeout") or {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.url.raw_path.decode("ascii")
        answering = await self._network.send(
            self._provider,
            request.method,
            path,
            headers,
            await request.aread(),
            connect_s=timeout.get("connect"),
            read_s=timeout.get("read"),
        )
        body = _Body(answering, request, self._manner, self._bodies)
        return httpx.Response(answering.status, headers=list(answering.headers), stream=body, request=request)


class _Body(httpx.AsyncByteStream):
    """An answer's body.

    Args:
        answering: The answer.
        request: To which.
        manner: How it fails.
        open_: Those of its transport that are not closed; it adds and removes itself.
    """

    def __init__(self, answering: Answering, request: httpx.Request, manner: ErrorStyle, open_: _Bodies) -> None:
        self._answering = answering
        self._request = request
        self._manner: ErrorStyle = manner
        self._open = open_
        self._lost = False
        self._reading: asyncio.Timeout | None = None
        open_[id(self)] = self

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = self._answering.body()
        try:
            while True:
                try:
                    # What has arrived is still read after the connection was lost, nothing is waited for.
                    async with asyncio.timeout(0 if self._lost else None) as self._reading:
                        data = await anext(pieces)
                finally:
                    self._reading = None
                yield data
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise httpx.ReadError("Connection closed", request=self._request) from None
        except BrokenError as broken:
            error = _error(self._manner, broken, self._request, answered=True)
            raise error from _cause(self._manner, broken, answered=True)

    def lose(self) -> None:
        """Lose the connection: its transport is closed."""
        self._lost = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        self._open.pop(id(self), None)
        self._answering.leave()

    def __del__(self) -> None:
        self._answering.leave()  # a connection that nobody holds any more is closed


_Bodies = WeakValueDictionary[int, _Body]


def _error(manner: ErrorStyle, broken: BrokenError, request: httpx.Request, *, answered: bool) -> httpx.TransportError:
    """Return what a client on a socket would get."""
    kind, _number, words = _ERRORS[manner][broken.outcome, _phase(broken, answered=answered)]
    return kind(words, request=request)


def _cause(manner: ErrorStyle, broken: BrokenError, *, answered: bool) -> OSError | None:
    _kind, number, _words = _ERRORS[manner][broken.outcome, _phase(broken, answered=answered)]
    return None if number is None else OSError(number, os.strerror(number))


def _phase(broken: BrokenError, *, answered: bool) -> ReachedPoint:
    return "answered" if answered else "asked" if broken.connected else "connecting"
