"""Watch the connections of an event loop: whatever HTTP library a chain uses, its calls go through them.

The loop's own `create_connection` and `sock_connect` are the two places at which every library of asyncio opens a
connection. What they return passes bytes on as they are, but for one header in each request.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from harness.chain.upstream import is_loopback
from harness.drivers.http_bytes import AnswerReader, MalformedError, RequestHead, RequestReader
from harness.drivers.login_sockets import login_connection, login_host, logins_answered
from harness.drivers.recorder import CallersRequest, OpenAttempt, Recorder, current_request
from harness.history.records import AttemptOutcome
from harness.http_rules import RESET
from harness.patches import patched
from harness.provider.marker import ATTEMPT_HEADER, find_request

_LOG = logging.getLogger(__name__)
_TAIL_BYTES = 32


@contextmanager
def watched(recorder: Recorder, *, beside: bool = False) -> Iterator[None]:
    """Have every attempt recorded that goes out from the running event loop meanwhile.

    A call to an address that is none of the chain's providers is stopped: a test of faults must never spend a real
    provider's money, whatever the configuration or the library does. A login is answered by `harness.drivers.logins`.

    Args:
        recorder: Writes the rows.
        beside: The chain has other programs on this machine beside it, such as that by which it calls its database.
    """
    loop = asyncio.get_running_loop()
    watch = WatchedLoop(recorder, loop.sock_connect, loop.create_connection, beside=beside)
    names = ("sock_connect", "create_connection")
    with logins_answered(), patched((loop, name, getattr(watch, name)) for name in names):
        yield


class WatchedLoop:
    """The two places at which an event loop opens connections, watched.

    Args:
        recorder: Writes the rows.
        connect: The loop's own `sock_connect`.
        create: Its own `create_connection`.
        beside: See `watched`.
    """

    def __init__(
        self, recorder: Recorder, connect: Callable[..., Any], create: Callable[..., Any], *, beside: bool = False
    ) -> None:
        self._recorder = recorder
        self._beside = beside
        self._connect = connect
        self._create = create
        self._dialled: dict[int, Dialling] = {}
        self._logins: dict[int, str] = {}
        self._connecting: set[asyncio.Task[Any] | None] = set()
        """Those in `create_connection`, which calls `sock_connect`."""

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect a socket; see `asyncio.loop.sock_connect`."""
        if asyncio.current_task() in self._connecting or sock.family not in (socket.AF_INET, socket.AF_INET6):
            await self._connect(sock, address)
            return
        if (login := login_host(address[0])) is not None:
            self._logins[sock.fileno()] = login
            return
        if self._unwatched(*address[:2]):
            await self._connect(sock, address)
            return
        dialling = dial(self._recorder, *address[:2])
        try:
            await self._connect(sock, address)
        except BaseException as error:
            dialling.failed(error)
            raise
        self._dialled[sock.fileno()] = dialling

    async def create_connection(
        self, factory: Callable[[], Any], host: Any = None, port: Any = None, *, sock: Any = None, **options: Any
    ) -> tuple[Any, Any]:
        """Open a connection; see `asyncio.loop.create_connection`."""
        login = login_host(host) if sock is None else self._logins.pop(sock.fileno(), None)
        if login is not None:
            return login_connection(login, factory, sock)
        if sock is not None:
            dialling = self._dialled.pop(sock.fileno(), None)
            if dialling is None:
                return await self._create(factory, host, port, sock=sock, **options)  # type: ignore[no-any-return]
        elif self._unwatched(host, port):
            return await self._create(factory, host, port, **options)  # type: ignore[no-any-return]
        else:
            dialling = dial(self._recorder, host, port)
        protocols: list[_WatchedProtocol] = []

        def watched_factory() -> _WatchedProtocol:
            protocols.append(_WatchedProtocol(factory(), Connection(self._recorder, dialling)))
            return protocols[-1]

        task = asyncio.current_task()
        self._connecting.add(task)
        try:
            await self._create(watched_factory, host, port, sock=sock, **options)
        except BaseException as error:
            dialling.failed(error)
            raise
        finally:
            self._connecting.discard(task)
        return protocols[-1].transport, protocols[-1].inner

    def _unwatched(self, host: Any, port: Any) -> bool:
        """Return whether a call is to none of the providers, and may be made."""
        return self._beside and is_loopback(str(host)) and self._recorder.provider_at(host, port) is None


def dial(recorder: Recorder, host: Any, port: Any) -> Dialling:
    """Return a connection that is about to be made.

    Raises:
        ConnectionRefusedError: To none of the chain's providers.
    """
    provider = recorder.provider_at(host, port)
    if provider is None:
        _LOG.warning("a call to %s, none of the chain's providers, was stopped", host)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "this address is none of the chain's providers")
    return Dialling(recorder, provider, current_request())


class Dialling:
    """A connection that is being made.

    Attributes:
        provider: To whom.
        begun_ns: Since when.
    """

    def __init__(self, recorder: Recorder, provider: str, request: CallersRequest | None) -> None:
        self._recorder = recorder
        self._request = request
        self.provider = provider
        self.begun_ns = recorder.clock_ns()

    def failed(self, error: BaseException) -> None:
        """Write the attempt that could not be sent."""
        if not isinstance(error, OSError | asyncio.CancelledError | GeneratorExit):
            return
        request = self._request
        attempt = self._recorder.begin(
            self.provider, None if request is None else request.request_id, start_ns=self.begun_ns
        )
        if isinstance(error, OSError):
            attempt.end(_ended_by(error, otherwise="refused"), _words(error))
        elif request is None:
            attempt.end("timeout")
        else:
            request.gave_up(attempt)


class Connection:
    """What goes over one connection to a provider, one attempt after the other.

    Args:
        recorder: Writes the rows.
        dialling: How the connection came to be.
    """

    def __init__(self, recorder: Recorder, dialling: Dialling) -> None:
        self._recorder = recorder
        self._provider = dialling.provider
        self._begun_ns: int | None = dialling.begun_ns
        self._last_event = recorder.last_event(dialling.provider)
        self._requests: RequestReader | None = RequestReader(self._began, self._sent_whole)
        self._attempt: OpenAttempt | None = None
        self._answer: AnswerReader | None = None
        self._handled: BaseException | None = None
        self._tail = b""

    def sent(self, data: bytes) -> bytes:
        """Take note of bytes on their way out, and return those that go out in their place."""
        if self._requests is None:
            return data
        try:
            return self._requests.feed(data)
        except MalformedError:
            self._requests = None
            return data
        except Exception as bug:
            raise self._recorder.failed(bug) from bug

    def received(self, data: bytes) -> None:
        """Take note of bytes that have come in."""
        try:
            self._received(data)
        except Exception as bug:
            raise self._recorder.failed(bug) from bug

    def over(self, error: BaseException | None) -> None:
        """Take note that the other side has closed the connection, or that it broke."""
        attempt, answer = self._attempt, self._answer
        self._attempt = None
        if attempt is None:
            return
        if error is None and answer is not None and answer.end():
            attempt.end("ok")
        elif isinstance(error, OSError):
            attempt.end(_ended_by(error, otherwise="cut"), _words(error))
        else:
            attempt.end("cut", "the connection was closed")

    def closed(self, protocol: Any) -> None:
        """Take note that the client closes the connection: it has lost patience, or does not want the rest."""
        attempt = self._attempt
        self._attempt = None
        if attempt is None:
            return
        handled = sys.exception()
        noted = getattr(protocol, "exception", None)
        causes = [None if handled is self._handled else handled, noted() if callable(noted) else None]
        if any(map(_patience_lost, causes)):
            attempt.end("timeout")
        else:
            attempt.abandon()

    def _began(self, head: RequestHead) -> bytes:
        if self._attempt is not None:
            self._attempt.abandon()
        begun_ns, self._begun_ns = self._begun_ns, None
        self._attempt, self._answer, self._tail = None, AnswerReader(head.method), b""
        self._handled = sys.exception()
        if head.method != "POST":
            return b""  # a look at a provider's models or health is no attempt at the edge either
        request = current_request()
        self._attempt = self._recorder.begin(
            self._provider, None if request is None else request.request_id, start_ns=begun_ns
        )
        return f"{ATTEMPT_HEADER}: {self._attempt.key}\r\n".encode("ascii")

    def _sent_whole(self, body: bytes) -> None:
        marker = find_request(body)
        if self._attempt is not None and marker is not None:
            self._attempt.request_id = marker.request_id

    def _received(self, data: bytes) -> None:
        attempt, answer = self._attempt, self._answer
        if attempt is None or answer is None:
            return
        waiting = answer.status is None
        body, malformed = b"", False
        try:
            body = answer.feed(data)
        except MalformedError:
            malformed = True
        if waiting and answer.status is not None:
            attempt.answered(answer.status)
        if malformed:
            self._attempt = None
            attempt.end("malformed")
            return
        if self._last_event is not None and body:
            text = self._tail + body
            if self._last_event.search(text):
                attempt.end("ok")  # clients stop reading here, and some never close
            self._tail = text[-_TAIL_BYTES:]
        if answer.over:
            self._attempt = None
            attempt.end("ok")


class _WatchedTransport(asyncio.Transport):
    """The client's side of a connection, passed on as it is."""

    def __init__(self, inner: asyncio.Transport, connection: Connection, protocol: _WatchedProtocol) -> None:
        super().__init__()
        self._inner = inner
        self._connection = connection
        self._protocol = protocol

    def write(self, data: Any) -> None:
        self._inner.write(self._connection.sent(bytes(data)))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self._connection.closed(self._protocol.inner)
        self._inner.close()

    def abort(self) -> None:
        self._connection.closed(self._protocol.inner)
        self._inner.abort()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def is_reading(self) -> bool:
        return self._inner.is_reading()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._inner.get_write_buffer_limits()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()

    def write_eof(self) -> None:
        self._inner.write_eof()

    def get_protocol(self) -> Any:
        return self._protocol.inner

    def set_protocol(self, protocol: Any) -> None:
        self._protocol.inner = protocol


class _WatchedProtocol(asyncio.Protocol):
    """The other side of a connection, as it comes to the client's protocol.

    Attributes:
        inner: The client's own.
        transport: What the client has of the connection.
    """

    transport: _WatchedTransport

    def __init__(self, inner: Any, connection: Connection) -> None:
        self.inner = inner
        self._connection = connection

    def connection_made(self, transport: Any) -> None:
        self.transport = _WatchedTransport(transport, self._connection, self)
        self.inner.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        self._connection.received(data)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        self._connection.over(None)
        keep: bool | None = self.inner.eof_received()
        return keep

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.over(exc)
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


def _ended_by(error: OSError, *, otherwise: AttemptOutcome) -> AttemptOutcome:
    if error.errno in RESET:
        return "reset"
    if error.errno == errno.ETIMEDOUT or isinstance(error, TimeoutError):
        return "timeout"
    return otherwise


def _words(error: OSError) -> str:
    """Return why in words that hold neither addresses nor keys, and that are no library's."""
    return os.strerror(error.errno) if error.errno else "the connection broke"


def _patience_lost(error: BaseException | None) -> bool:
    """Return whether an exception is a timeout, or was made of one."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, TimeoutError):
            return True
        seen.add(id(error))
        error = error.__cause__
    return False
