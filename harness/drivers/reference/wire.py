"""How the reference chain sends its requests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import aiohttp
from yarl import URL

from harness.drivers.reference.calls import Outgoing
from harness.exchange_errors import read_aiohttp_error
from harness.history import AttemptOutcome


class BrokenError(Exception):
    """An exchange ended otherwise than by the end of its answer.

    Attributes:
        outcome: How: `refused`, `reset`, `cut`, `timeout`, `malformed`.
        connected: Whether there had been a connection.
    """

    def __init__(self, outcome: AttemptOutcome, *, connected: bool = True) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.connected = connected


class Incoming(Protocol):
    """An answer whose headers have arrived."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Its headers."""

    async def read(self) -> bytes:
        """Return the complete body.

        Raises:
            BrokenError: It breaks off.
        """

    def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            BrokenError: It breaks off.
        """

    def leave(self) -> None:
        """Close the connection, unless the answer was read to its end."""


class ReferenceWire(Protocol):
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
        """Send a request; see `ReferenceWire`."""
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
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokenError(read_aiohttp_error(error, answered=False)[0]) from error
        return _Response(response)


class _Response:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = tuple(response.headers.items())

    async def read(self) -> bytes:
        try:
            return await self._response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokenError(read_aiohttp_error(error, answered=True)[0]) from error

    async def body(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._response.content.iter_any():
                yield data
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise BrokenError(read_aiohttp_error(error, answered=True)[0]) from error

    def leave(self) -> None:
        self._response.close()
