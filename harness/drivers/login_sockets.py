"""Answer the logins of a chain in its own process, whatever library makes them: no connection is opened.

Such a connection has no TLS: what is encrypted on a real one comes to our own table, which needs no certificate.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from harness.drivers.logins import LoginConversation, is_login
from harness.patches import patched

_addresses: dict[str, str] = {}
"""The host of each address that a name was resolved to; they are reserved for documentation, so nobody has one."""
_numbers = count(1)


def login_host(host: Any) -> str | None:
    """Return the host if it is asked for logins, given its name or what that was resolved to; None for any other."""
    name = _addresses.get(host, host)
    return name if isinstance(name, str) and is_login(name) else None


@contextmanager
def logins_answered() -> Iterator[None]:
    """Answer the logins that are made over Python's sockets meanwhile; those of event loops come by `login_connection`."""
    open_: WeakKeyDictionary[socket.socket, tuple[LoginConversation, int]] = WeakKeyDictionary()

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if login_host(name) is None:
            return look_up(host, port, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (_address(name), int(port or 0)))]

    def connect(sock: socket.socket, address: Any) -> Any:
        host = login_host(address[0]) if isinstance(address, tuple) else None
        if host is None:
            return own["connect"](sock, address)
        theirs, ours = socket.socketpair()
        with theirs:
            os.dup2(theirs.fileno(), sock.fileno())
        sock.settimeout(sock.gettimeout())
        conversation, number = LoginConversation(host), ours.detach()
        weakref.finalize(conversation, os.close, number)
        open_[sock] = conversation, number
        return None

    def connect_ex(sock: socket.socket, address: Any) -> Any:
        if isinstance(address, tuple) and login_host(address[0]) is not None:
            return connect(sock, address) or 0
        return own["connect_ex"](sock, address)

    def sendall(sock: socket.socket, data: Any, *flags: int) -> Any:
        if sock not in open_:
            return own["sendall"](sock, data, *flags)
        conversation, number = open_[sock]
        answer = conversation.feed(bytes(data))
        while answer:
            answer = answer[os.write(number, answer) :]
        return None

    def send(sock: socket.socket, data: Any, *flags: int) -> Any:
        if sock not in open_:
            return own["send"](sock, data, *flags)
        sendall(sock, data)
        return len(bytes(data))

    def setsockopt(sock: socket.socket, *options: Any) -> Any:
        return None if sock in open_ else own["setsockopt"](sock, *options)

    def wrap_socket(context: ssl.SSLContext, sock: socket.socket, *args: Any, **options: Any) -> Any:
        if sock not in open_:
            return wrap(context, sock, *args, **options)
        known, timeout_s = open_.pop(sock), sock.gettimeout()
        wrapped = _LoginSocket(fileno=sock.detach())
        wrapped.settimeout(timeout_s)
        wrapped.host = options.get("server_hostname")
        open_[wrapped] = known
        return wrapped

    look_up, wrap = socket.getaddrinfo, ssl.SSLContext.wrap_socket
    ours = {each.__name__: each for each in (connect, connect_ex, sendall, send, setsockopt)}
    own: dict[str, Callable[..., Any]] = {name: getattr(socket.socket, name) for name in ours}
    places = [(socket, "getaddrinfo", getaddrinfo), (ssl.SSLContext, "wrap_socket", wrap_socket)]
    with patched([*((socket.socket, name, each) for name, each in ours.items()), *places]):
        yield


def login_connection(host: str, factory: Callable[[], Any], sock: socket.socket | None) -> tuple[Any, Any]:
    """Return what an event loop's `create_connection` does, for such a host.

    Args:
        host: Its name.
        factory: Makes the client's protocol.
        sock: The client's own socket, if it has made one.
    """
    protocol = factory()
    transport = _LoginTransport(LoginConversation(host), protocol, sock)
    protocol.connection_made(transport)
    return transport, protocol


class _LoginSocket(socket.socket):
    """What a client takes for an encrypted socket.

    Attributes:
        host: The name on the certificate.
    """

    host: str | None = None

    def getpeercert(self, *_args: Any, **_options: Any) -> dict[str, object]:
        """Return a certificate, as `ssl.SSLSocket` does."""
        return {"subjectAltName": (("DNS", self.host),)}


def _address(host: str) -> str:
    """Return what a name is resolved to."""
    if host[-1].isdigit():
        return host
    known = next((address for address, name in _addresses.items() if name == host), None)
    if known is None:
        known = f"192.0.2.{next(_numbers)}"
        _addresses[known] = host
    return known


class _LoginTransport(asyncio.Transport):
    """The client's side of such a connection."""

    def __init__(self, conversation: LoginConversation, protocol: Any, sock: socket.socket | None) -> None:
        super().__init__()
        self._conversation = conversation
        self._protocol = protocol
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._closing = False

    def write(self, data: Any) -> None:
        answer = self._conversation.feed(bytes(data))
        if answer:
            self._loop.call_soon(self._come, answer)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)
            if self._socket is not None:
                self._socket.close()

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._closing

    def pause_reading(self) -> None:
        """Do nothing: an answer is small."""

    def resume_reading(self) -> None:
        """Do nothing."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - there is no socket
        return default

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing."""

    def can_write_eof(self) -> bool:
        return False

    def _come(self, data: bytes) -> None:
        if not self._closing:
            self._protocol.data_received(data)
