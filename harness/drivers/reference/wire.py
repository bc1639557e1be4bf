"""How the reference chain reaches its providers."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
from yarl import URL

from harness.drivers.recorder import RESET_SAID
from harness.drivers.reference.calls import Outgoing
from harness.history import AttemptOutcome


class BrokenError(Exception):
    """An exchange ended otherwise than by the end of its answer.

    Attributes:
        outcome: How: `refused`, `reset`, `cut`, `timeout`, `malformed`.
    """

    def __init__(self, outcome: AttemptOutcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Incoming(Protocol):
    """An answer whose headers have come."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Its headers."""

    def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes.

        Raises:
            BrokenError: It breaks off.
        """

    def leave(self) -> None:
        """Close the connection, unless the whole answer was read."""


class Wire(Protocol):
    """Sends requests."""

    async def send(self, provider: str, request: Outgoing) -> Incoming:
        """Send a request; return its answer once the headers are there.

        Raises:
            BrokenError: There is none.
        """


class Sockets:
    """The wire of a live run.

    Args:
        session: Its connections.
        base_urls: Where each provider is called.
    """

    def __init__(self, session: aiohttp.ClientSession, base_urls: Mapping[str, str]) -> None:
        self._session = session
        self._base_urls = {name: url.rstrip("/") for name, url in base_urls.items()}
        self._urls: dict[tuple[str, str], URL] = {}

    async def send(self, provider: str, request: Outgoing) -> Incoming:
        """Send a request; see `Wire`."""
        where = (provider, request.path)
        url = self._urls.get(where)
        if url is None:
            url = self._urls[where] = URL(self._base_urls[provider] + request.path, encoded=True)
        try:
            response = await self._session.post(
                url,
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
                skip_auto_headers=("Accept-Encoding", "User-Agent"),
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokenError(_outcome(error, answered=False)) from error
        return _Response(response)


class _Response:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = tuple(response.headers.items())

    async def body(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._response.content.iter_any():
                yield data
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokenError(_outcome(error, answered=True)) from error

    def leave(self) -> None:
        self._response.close()


def _outcome(error: BaseException, *, answered: bool) -> AttemptOutcome:
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno == errno.ECONNREFUSED:
            return "refused"
        if isinstance(link, ConnectionError) and link.errno in (errno.ECONNRESET, errno.EPIPE):
            return "reset"
        link = link.__cause__ or link.__context__
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "reset" if RESET_SAID in str(error) else "cut"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "timeout"
    return "cut" if answered else "malformed"
