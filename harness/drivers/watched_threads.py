"""Watch the connections that threads open: synchronous HTTP libraries use Python's sockets directly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from harness.drivers.recorder import Recorder
from harness.drivers.watched import Connection, Dialling, dial
from harness.patches import patched


@contextmanager
def watched_threads(recorder: Recorder) -> Iterator[None]:
    """Have every attempt recorded that other threads than this one send over sockets meanwhile; see `watched`.

    An event loop in a thread, whose sockets do not block, is not watched: its attempts have no record of the chain.
    """
    home = threading.get_ident()
    open_: WeakKeyDictionary[socket.socket, Connection] = WeakKeyDictionary()

    def elsewhere(own: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
        def method(sock: socket.socket, *args: Any, **options: Any) -> Any:
            return (own if threading.get_ident() == home else ours)(sock, *args, **options)

        return method

    def connect(sock: socket.socket, address: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.gettimeout() == 0:
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
    with patched((socket.socket, name, elsewhere(own[name], each)) for name, each in ours.items()):
        yield


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
