"""What the load needs of its HTTP library and the library does not do.

Everything that touches a private name of `geventhttpclient` is in here.
"""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

import geventhttpclient.client
from geventhttpclient.response import HTTPParseError, HTTPResponse, HTTPSocketPoolResponse

IDLE_NS = 2 * 10**9
"""Longest rest of a connection before it is used again. Servers close idle ones (uvicorn after 5 s), and a request
that crosses such a close would fail through no fault of the chain."""
BODY_BYTES_MAX = 16 * 2**20
"""Most of an answer that is read; no gateway that sends without end may fill this machine's memory."""


class FinalResponse(HTTPSocketPoolResponse):  # type: ignore[misc] # it has no types
    """An answer whose connection serves again only once the final one is whole.

    The library takes an interim answer (`100 Continue`, `103 Early Hints`) for the end of the exchange: it gives the
    connection to the next request, which then reads the final answer of this one.
    """

    def should_close(self) -> bool:
        """Return whether the connection cannot serve again."""
        return self.get_code() < 200 or bool(super().should_close())

    def _on_message_complete(self) -> None:
        if self.get_code() < 200:
            HTTPResponse._on_message_complete(self)  # noqa: SLF001 - the rest of the library's own would end the exchange
        else:
            super()._on_message_complete()


def client_for(user: Any, url: Any) -> Any:
    """Return the HTTP client of a Locust user for an address, fit for our purposes."""
    geventhttpclient.client.HTTPSocketPoolResponse = FinalResponse
    client = user.client.client.clientpool.get_client(url)
    keep_recent(client._connection_pool)  # noqa: SLF001 - the library gives no other way to age connections
    return client


def bound(response: Any) -> None:
    """Make reading more than `BODY_BYTES_MAX` from here on fail as a broken answer does.

    Args:
        response: A `geventhttpclient` response, whose every read goes through `feed`.
    """
    feed, left = response.feed, BODY_BYTES_MAX

    def counted(data: bytes) -> Any:
        nonlocal left
        left -= len(data)
        if left < 0:
            raise HTTPParseError(f"more than {BODY_BYTES_MAX // 2**20} MiB")
        return feed(data)

    response.feed = counted


def keep_recent(pool: Any) -> None:
    """Make a connection pool reuse only connections that rested for no longer than `IDLE_NS`.

    Args:
        pool: A `geventhttpclient` connection pool.
    """
    returned: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
    give_back, alive = pool.return_socket, pool._is_socket_alive  # noqa: SLF001 - see the call

    def return_socket(sock: Any) -> None:
        returned[sock] = time.monotonic_ns()
        give_back(sock)

    def is_socket_alive(sock: Any) -> bool:
        return time.monotonic_ns() - returned.get(sock, 0) <= IDLE_NS and bool(alive(sock))

    pool.return_socket = return_socket
    pool._is_socket_alive = is_socket_alive  # noqa: SLF001 - see the call
