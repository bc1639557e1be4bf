"""Stop what would leave the machine, whatever library tries it and in whichever thread."""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

_LOG = logging.getLogger(__name__)
_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

_allowed: frozenset[tuple[str, int | None]] | None = None
"""Host and port of what may be called; None while everything may be."""


@contextmanager
def stopped(addresses: Iterable[str]) -> Iterator[None]:
    """Let no connection out but to these addresses: a test of faults must never spend a real provider's money."""
    global _allowed  # noqa: PLW0603 - an audit hook cannot be taken back, so it is told when to do nothing
    _install()
    split = [urlsplit(address) for address in addresses]
    _allowed = frozenset((parts.hostname or "", parts.port) for parts in split)
    try:
        yield
    finally:
        _allowed = None


@cache
def _install() -> None:
    sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _allowed is None or not event.startswith("socket."):
        return
    if event == "socket.connect":
        sock, address = arguments
        if sock.family in (socket.AF_INET, socket.AF_INET6) and tuple(address[:2]) not in _allowed:
            _LOG.warning("a call to %s, none of the chain's providers, was stopped", address[0])
            raise ConnectionRefusedError(errno.ECONNREFUSED, "this address is none of the chain's providers")
    elif event == "socket.getaddrinfo" and arguments[0] is not None:
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
        if host not in _HOSTS and host not in {name for name, _port in _allowed}:
            _LOG.warning("a call to %s, none of the chain's providers, was stopped", host)
            raise socket.gaierror(socket.EAI_NONAME, "this address is none of the chain's providers")
