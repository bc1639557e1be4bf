"""Real providers: how they are reached, and what is sent to them."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from harness.chain import Provider
from harness.chain.upstream import UpstreamAddress, parse
from harness.edge.budget import CallBudget
from harness.edge.request import EdgeRequest
from harness.errors import HarnessError
from harness.http_rules import FRAMING, HOP_BY_HOP
from harness.provider.dialects import DIALECTS, Dialect, dialect_of
from harness.provider.dialects.framing import is_stream
from harness.provider.reply import Headers

IDLE_S = 600.0
"""How long an upstream may be silent: longer than any provider's own limit."""
_CONNECT_S = 30.0
_REACH_S = 10.0
_KEEPALIVE_S = 4.0  # shorter than any server's own: a call on a connection that is just being closed would fail for it

_NOT_SENT = FRAMING | {"host", "content-encoding", "accept-encoding", "expect"}
_OURS = "x-harness-"
_SET_BY_CLIENT = ("User-Agent", "Accept", "Content-Type")


class OpenCall(Protocol):
    """A call that is under way."""

    def cancel(self) -> asyncio.Task[None] | None:
        """End it at once; return what is left to be awaited."""


class UpstreamClient:
    """All calls of one edge to real providers. `open` and `close` it in the edge's loop.

    Args:
        budget: How many there may be, and what they may cost.
        tls: Whether any are made over TLS: what that needs takes a moment to read.

    Attributes:
        budget: How many there may be, and what they may cost.
        open_calls: Calls under way.
    """

    def __init__(self, budget: CallBudget, *, tls: bool = True) -> None:
        self.budget = budget
        self._tls = tls
        self.open_calls: set[OpenCall] = set()
        self.session: aiohttp.ClientSession

    async def open(self) -> None:
        """Get ready to call."""
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                ssl=ssl.create_default_context() if self._tls else True,
                ttl_dns_cache=300,
                keepalive_timeout=_KEEPALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_SET_BY_CLIENT,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=IDLE_S),
            trust_env=False,
        )

    async def close(self) -> None:
        """End every call; their records are written."""
        tasks = [task for call in list(self.open_calls) if (task := call.cancel()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.session.close()


class Upstream:
    """One real provider.

    Attributes:
        name: The provider's.
        dialect: Its wire format.
        client: Makes the calls.
        provider: Its fields.
    """

    def __init__(self, name: str, provider: Provider, client: UpstreamClient, key: str | None) -> None:
        """Get ready.

        Args:
            name: The provider's.
            provider: Its fields; it has an upstream.
            client: Makes the calls.
            key: Replaces the caller's; None sends the caller's own.
        """
        assert provider.upstream is not None
        self.name = name
        self.provider = provider
        self.dialect: Dialect = dialect_of(provider)
        self.client = client
        self._key = key
        self._upstream: UpstreamAddress = parse(provider.upstream)

    @property
    def has_key(self) -> bool:
        """Whether calls go out with a key of the user's, in place of the caller's."""
        return self._key is not None

    def address(self, path: str) -> URL:
        """Return where a call to `path` goes: below the upstream's own path, without the dialect's."""
        path, mark, query = path.partition("?")
        if self._key is not None and mark:  # Gemini's clients may send a key there
            query = "&".join(part for part in query.split("&") if not part.startswith("key="))
        return address_below(self._upstream, self.dialect, path + (f"?{query}" if query else ""))

    def headers(self, request: EdgeRequest) -> list[tuple[str, str]]:
        """Return the headers of a call."""
        left_out = (
            _NOT_SENT if self._key is None else _NOT_SENT | _KEY_HEADERS | {self.dialect.authorize("")[0].lower()}
        )
        headers = list(_passed(request.headers.items(), left_out))
        headers.append(("accept-encoding", "identity"))
        if self._key is not None:
            headers.append(self.dialect.authorize(self._key))
        return headers


def address_below(upstream: UpstreamAddress, dialect: Dialect, path: str) -> URL:
    """Return where a call goes whose path a client of the dialect would write, with its query."""
    if not path.startswith("/"):  # or it could name another host
        path = f"/{path}"
    base = dialect.base_path
    if base and path.startswith(f"{base}/"):
        path = path[len(base) :]
    return URL(f"{upstream.origin}{upstream.path}{path}", encoded=True)


_KEY_HEADERS = frozenset(dialect.authorize("")[0].lower() for dialect in DIALECTS.own.values()) | {"authorization"}


def _passed(pairs: Collection[tuple[str, str]], left_out: frozenset[str]) -> Iterator[tuple[str, str]]:
    named = {
        name.strip().lower() for header, value in pairs if header.lower() == "connection" for name in value.split(",")
    }
    for name, value in pairs:
        small = name.lower()
        if small not in left_out and small not in named and not small.startswith(_OURS):
            yield name, value


def answer_headers(response: aiohttp.ClientResponse) -> Headers:
    """Return the headers of an answer as they are passed on to the chain, which gets the body decompressed."""
    pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.raw_headers]
    left_out = HOP_BY_HOP
    if any(name == "content-encoding" and value.strip().lower() != "identity" for name, value in pairs):
        left_out |= {"content-encoding", "content-length"}
    elif is_stream(response.content_type):  # a fault may change how long it is
        left_out |= {"content-length"}
    return tuple(_passed(pairs, left_out))


@contextmanager
def watched(response: aiohttp.ClientResponse) -> Iterator[None]:
    """Make an answer's body fail if its connection ends before the body does.

    aiohttp closes the connection on a body that is not HTTP, but leaves its reader waiting for ever. Before 3.12.8, which the extra
    `live` asks for, it does not say when a connection has ended: then only `IDLE_S` ends the wait.
    """
    connection, body = response.connection, response.content
    protocol = None if connection is None else connection.protocol
    closed: asyncio.Future[None] | None = getattr(protocol, "closed", None)

    def fail(_closed: asyncio.Future[None]) -> None:
        if not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError(), HttpProcessingError())

    if closed is not None:
        closed.add_done_callback(fail)
    try:
        yield
    finally:
        if closed is not None:
            closed.remove_done_callback(fail)


async def reach(providers: Mapping[str, Provider]) -> None:
    """Connect to every real provider once, without a request.

    Raises:
        HarnessError: One cannot be reached; names it, its address and why.
    """
    context = ssl.create_default_context()
    real = {name: parse(spec.upstream) for name, spec in providers.items() if spec.upstream is not None}
    found = await asyncio.gather(*(_reach(name, upstream, context) for name, upstream in real.items()))
    for problem in found:
        if problem is not None:
            raise problem


async def _reach(name: str, upstream: UpstreamAddress, context: ssl.SSLContext) -> HarnessError | None:
    try:
        async with asyncio.timeout(_REACH_S):
            _reader, writer = await asyncio.open_connection(
                upstream.host, upstream.port, ssl=context if upstream.tls else None
            )
    except OSError as error:
        problem, hint = why_unreachable(error)
        return HarnessError(f"cannot reach {upstream.origin}: {problem}", where=f"providers.{name}.upstream", hint=hint)
    writer.transport.abort()
    return None


def why_unreachable(error: BaseException) -> tuple[str, str]:
    """Return why there is no connection to a provider, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = "if you trust who signed it: SSL_CERT_FILE=/path/to/their-ca.pem harness …"
        return f"its certificate is not trusted: {error.verify_message}", hint
    if isinstance(error, ssl.SSLError | ConnectionResetError):
        return "it does not speak TLS", "does it listen at this port for https?"
    if isinstance(error, socket.gaierror):
        return f"unknown host ({error.strerror})", "is its name right, and has this machine a network?"
    if isinstance(error, TimeoutError):
        return f"no answer within {_REACH_S:g} s", "may this machine reach it? No proxy is used"
    refused = (isinstance(error, OSError) and error.errno == errno.ECONNREFUSED) or "refused" in str(error).lower()
    number = error.errno if isinstance(error, OSError) else None
    problem = "nothing listens there" if refused else os.strerror(number) if number else str(error)
    return problem, "is it up, and is this its address? No proxy is used"
