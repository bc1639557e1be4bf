"""The network for chains that use an HTTP library: the event loop's connections, in memory.

What a library does with its bytes stays its own: its parser, its pool of connections, its timeouts and its errors.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from harness.drivers.http_bytes import MalformedError, RequestHead, RequestReader
from harness.drivers.recorder import address
from harness.drivers.reference.wire import BrokenError
from harness.edge.player import UNFRAMED, framed
from harness.edge.request import EdgeRequest
from harness.patches import patched
from harness.provider.reply import Head, Send
from harness.sim.network import Answering, Network
from harness.sim.own_faults import guarded, own
from harness.sim.real import refuse

_FIRST_PORT = 9001


def base_urls(providers: Iterable[str]) -> dict[str, str]:
    """Return where each provider is called: as in a live run, at a port of the loopback."""
    return {name: f"http://127.0.0.1:{_FIRST_PORT + place}" for place, name in enumerate(providers)}


@contextmanager
def connected(network: Network, base_urls: Mapping[str, str]) -> Iterator[None]:
    """Lead the connections of the running event loop to a network in memory.

    Args:
        network: Where they lead.
        base_urls: By provider's name.
    """
    loop = asyncio.get_running_loop()
    providers = {address(url): name for name, url in base_urls.items()}
    dialled: dict[int, str] = {}
    open_: dict[int, SimTransport] = {}

    async def reach(host: Any, port: Any) -> str:
        provider = providers.get((host, port))
        if provider is None:
            refuse(f"a connection to {host} was tried")
        try:
            await network.connect(provider)
        except BrokenError as broken:
            number = errno.ECONNREFUSED if broken.outcome == "refused" else errno.ETIMEDOUT
            raise OSError(number, os.strerror(number)) from None
        return provider

    async def sock_connect(sock: socket.socket, place: Any) -> None:
        dialled[sock.fileno()] = await reach(*place[:2])

    async def create_connection(
        factory: Callable[[], Any], host: Any = None, port: Any = None, *, sock: Any = None, **_options: Any
    ) -> tuple[Any, Any]:
        if sock is None:
            provider = await reach(host, port)
            sock = socket.socket()  # never connected: libraries set its options, and ask whether it can be read
        else:
            if sock.fileno() not in dialled:
                refuse("a socket was opened")
            provider = dialled.pop(sock.fileno())
        protocol = factory()
        transport = SimTransport(network, provider, sock, protocol, open_)
        protocol.connection_made(transport)
        return transport, protocol

    class Poll:
        """Says which connections can be read, without waiting."""

        def __init__(self) -> None:
            self._numbers: list[int] = []

        def register(self, descriptor: Any, *_events: int) -> None:
            self._numbers.append(descriptor if isinstance(descriptor, int) else descriptor.fileno())

        def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
            if timeout != 0:
                refuse("a real wait for files was tried")
            return [(number, select.POLLIN) for number in self._numbers if number not in open_ or open_[number].ended]

    replacements = [(loop, "sock_connect", sock_connect), (loop, "create_connection", create_connection)]
    with patched([*replacements, (select, "poll", Poll)]):
        try:
            yield
        finally:
            for transport in list(open_.values()):
                transport.abort()


class SimTransport(asyncio.Transport):
    """The client's side of one connection to a provider.

    Attributes:
        ended: The other side has closed it, or it broke.
    """

    _head: RequestHead

    def __init__(
        self,
        network: Network,
        provider: str,
        sock: socket.socket,
        protocol: Any,
        open_: dict[int, SimTransport],
    ) -> None:
        super().__init__()
        self.ended = False
        self._network = network
        self._provider = provider
        self._socket = sock
        self._protocol = protocol
        self._open = open_
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._reading = True
        self._reader = RequestReader(self._began, self._whole)
        self._requests: deque[EdgeRequest] = deque()
        self._came: list[bytes] = []
        self._error: Exception | None = None
        self._flushing = False
        self._part = 0
        self._exchange: asyncio.Task[None] | None = None
        self._framing = UNFRAMED
        self._broken = False
        self._breaking: asyncio.TimerHandle | None = None
        open_[sock.fileno()] = self
        breaks_ns = network.breaks_ns(provider)
        if breaks_ns is not None:
            self._breaking = self._loop.call_at(breaks_ns / 1e9, self._break)

    def write(self, data: Any) -> None:
        """Send bytes; a request that is whole is answered."""
        if self._closing or self.ended:
            return
        try:
            self._reader.feed(bytes(data))
            if self._exchange is None:
                self._next()
        except MalformedError:
            refuse("bytes that are no HTTP/1.1 were sent")
        except Exception as bug:
            raise own(bug) from bug

    def writelines(self, list_of_data: Any) -> None:
        """Send several pieces."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Close the connection: the rest is not needed."""
        if self._closing:
            return
        self._closing = True
        self._leave()
        self._loop.call_soon(self._lost, None)

    def abort(self) -> None:
        """Close the connection."""
        self.close()

    def is_closing(self) -> bool:
        """Return whether nothing can be sent any more."""
        return self._closing

    def is_reading(self) -> bool:
        """Return whether what comes is handed on at once."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Keep what comes."""
        self._reading = False

    def resume_reading(self) -> None:
        """Hand on what has come, and what comes."""
        self._reading = True
        self._flush_soon()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return the socket, or an address."""
        return self._socket if name == "socket" else default

    def get_protocol(self) -> Any:
        """Return what receives the data."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """Set what receives the data."""
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        """Return 0: all that was sent has left."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: what is sent leaves at once."""

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Do nothing: a client that shuts down its side closes the connection next."""

    def _next(self) -> None:
        """Begin to answer the next request, if one has come whole."""
        if self._requests:
            request = self._requests.popleft()
            answering = self._network.take(self._provider, request)
            self._exchange = self._loop.create_task(self._answer(request, answering), name=f"{self._provider}'s answer")

    def _began(self, head: RequestHead) -> bytes:
        self._head = head
        return b""

    def _whole(self, body: bytes) -> None:
        head = self._head
        keep = head.headers.get("connection", "").lower() != "close"
        self._requests.append(EdgeRequest(head.method, head.path, head.headers, body, keep, version_1_0=False))

    @guarded
    async def _answer(self, request: EdgeRequest, answering: Answering) -> None:
        answering.partly = partial(self._partly, request)
        try:
            await answering.open()
            self._arrive(request, Head(answering.status, answering.headers))
            while (step := await answering.next()) is not None:
                assert isinstance(step, Send)
                self._arrive(request, step)
        except BrokenError as broken:
            self._end(_reset() if broken.outcome == "reset" else None)
            return
        finally:
            self._exchange = None
        self._come(self._framing.end())
        if self._broken:
            self._end_broken()
        elif not self._framing.keep:
            self._end(None)
        else:
            self._next()

    def _arrive(self, request: EdgeRequest, step: Head | Send) -> None:
        """Hand on what of a step has not come yet."""
        self._come(self._bytes(request, step)[self._part :])
        self._part = 0

    def _partly(self, request: EdgeRequest, step: Head | Send, share: float) -> None:
        """Hand on what has come of a step that arrives slowly."""
        data = self._bytes(request, step)
        size = int(len(data) * share)
        self._come(data[self._part : size])
        self._part = size

    def _bytes(self, request: EdgeRequest, step: Head | Send) -> bytes:
        if isinstance(step, Send):
            return self._framing.body(step.data)
        data, self._framing = framed(step, keep=request.keep, version_1_0=request.version_1_0)
        return data

    def _come(self, data: bytes) -> None:
        """Take bytes that have come; those of one moment are handed on together."""
        if data:
            self._came.append(data)
            self._flush_soon()

    def _end(self, error: Exception | None) -> None:
        """Take the end of the connection by the other side."""
        if not self.ended:
            self.ended, self._error = True, error
            self._flush_soon()

    def _break(self) -> None:
        """End a connection whose port no longer accepts any; an answer under way breaks, unless it comes whole at this moment."""
        self._broken = True
        if self._exchange is None:
            self._end_broken()

    def _end_broken(self) -> None:
        self._end(_reset() if self._network.resets(self._provider) else None)
        self._flush()  # at once: a pool that is asked for a connection now must not give this one

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._closing:
            return
        if self._came and (self._reading or self._error is not None):
            data = b"".join(self._came)
            self._came.clear()
            self._protocol.data_received(data)
        if self.ended and not self._came and not self._closing and (self._reading or self._error is not None):
            if self._error is None and self._protocol.eof_received():
                return  # half open: the client closes it
            self._closing = True
            self._leave()
            self._lost(self._error)

    def _leave(self) -> None:
        """Leave the provider: what it still had to send goes nowhere."""
        self._open.pop(self._socket.fileno(), None)
        if self._exchange is not None:
            self._exchange.cancel()
        if self._breaking is not None:
            self._breaking.cancel()

    def _lost(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
        self._socket.close()


def _reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
