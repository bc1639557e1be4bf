"""Watch the connections that threads open: synchronous HTTP libraries use Python's sockets, others an event loop there."""

from __future__ import annotations

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from harness.drivers.login_sockets import login_host
from harness.drivers.recorder import Recorder
from harness.drivers.watched import Connection, Dialling, WatchedLoop, dial
from harness.patches import patched

_WATCH = "watched by the harness"


@contextmanager
def watched_threads(recorder: Recorder) -> Iterator[None]:
    """Have every attempt recorded that is sent meanwhile without the running event loop: over sockets, or on other loops."""
    open_: WeakKeyDictionary[socket.socket, Connection] = WeakKeyDictionary()

    def connect(sock: socket.socket, address: Any) -> None:
        inet = sock.family in (socket.AF_INET, socket.AF_INET6)
        if not inet or sock.gettimeout() == 0 or login_host(address[0]) is not None:
            own["connect"](sock, address)
            return
        dialling: Dialling = dial(recorder, *address[:2])
        try:
            own["connect"](sock, address)
        except BaseException as error:
            dialling.failed(error)
            raise
        open_[sock] = Connection(recorder, dialling)

    def sendall(sock: socket.socket, data: Any, *flags: int) -> None:
        connection = open_.get(sock)
        own["sendall"](sock, data if connection is None else connection.sent(bytes(data)), *flags)

    def send(sock: socket.socket, data: Any, *flags: int) -> int:
        if sock not in open_:
            sent: int = own["send"](sock, data, *flags)
            return sent
        sendall(sock, data, *flags)  # a header more than was asked for, so a part of it has no meaning to the caller
        return len(bytes(data))

    def recv(sock: socket.socket, *args: Any) -> bytes:
        connection = open_.get(sock)
        data: bytes = _received(connection, lambda: own["recv"](sock, *args))
        if connection is not None:
            _take(connection, data)
        return data

    def recv_into(sock: socket.socket, buffer: Any, *args: Any) -> int:
        connection = open_.get(sock)
        count: int = _received(connection, lambda: own["recv_into"](sock, buffer, *args))
        if connection is not None:
            _take(connection, bytes(memoryview(buffer)[:count]))
        return count

    def close(sock: socket.socket) -> None:
        connection = open_.pop(sock, None)
        if connection is not None:
            connection.closed(None)
        own["close"](sock)

    ours = {each.__name__: each for each in (connect, sendall, send, recv, recv_into, close)}
    own: dict[str, Callable[..., Any]] = {name: getattr(socket.socket, name) for name in ours}
    with (
        patched((socket.socket, name, each) for name, each in ours.items()),
        patched(_loops(recorder)),
    ):
        yield


def _loops(recorder: Recorder) -> Iterator[tuple[Any, str, Any]]:
    """Yield what is to be replaced of event loops of other threads; the one of `watched` has its own."""
    connect, create = BaseSelectorEventLoop.sock_connect, asyncio.BaseEventLoop.create_connection

    def watch(loop: BaseSelectorEventLoop) -> WatchedLoop:
        known = vars(loop)
        if _WATCH not in known:
            known[_WATCH] = WatchedLoop(recorder, partial(connect, loop), partial(create, loop))
        watch: WatchedLoop = known[_WATCH]
        return watch

    def sock_connect(loop: BaseSelectorEventLoop, *args: Any) -> Any:
        return watch(loop).sock_connect(*args)

    def create_connection(loop: BaseSelectorEventLoop, *args: Any, **options: Any) -> Any:
        return watch(loop).create_connection(*args, **options)

    yield BaseSelectorEventLoop, "sock_connect", sock_connect
    yield asyncio.BaseEventLoop, "create_connection", create_connection


def _received(connection: Connection | None, receive: Callable[[], Any]) -> Any:
    try:
        return receive()
    except OSError as error:
        if connection is not None:
            connection.over(error)
        raise


def _take(connection: Connection, data: bytes) -> None:
    if data:
        connection.received(data)
    else:
        connection.over(None)
