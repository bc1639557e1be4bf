"""One call to a provider, without a chain: its answer, or why there is none, in plain words."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from harness.edge.upstream import why_unreachable
from harness.provider.reply import Headers

BODY_MAX = 16 * 2**20
"""The longest answer that is read, in bytes: a list of all models of a large vendor has about one million."""
_OWN: Headers = (
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
    ("user-agent", "llm-fallback-harness"),
)
_CHUNK = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorAnswer:
    """What a provider answered.

    Attributes:
        status: HTTP status.
        headers: Names in small letters.
        body: All of it.
        latency_s: From the open connection to the answer's headers, in seconds.
    """

    status: int
    headers: Headers
    body: bytes
    latency_s: float

    def header(self, name: str) -> str:
        """Return the value of a header, given its name in small letters; empty if there is none."""
        return next((value for header, value in self.headers if header == name), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoAnswer:
    """Why a provider did not answer.

    Attributes:
        problem: In a few words, of which the provider is the subject.
        hint: What to do about it; empty if nothing is known.
        connected: Whether there was a connection.
    """

    problem: str
    hint: str = ""
    connected: bool


@dataclass(slots=True)
class _CallStage:
    """How far a call has come.

    Attributes:
        resolving: The host's name is being looked up.
        connected_s: When there was a connection, on the monotonic clock, in seconds; None before.
        answering: The headers of the answer are there.
    """

    resolving: bool = False
    connected_s: float | None = None
    answering: bool = False


@asynccontextmanager
async def asking(*, tls: bool) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a client for `ask`, which follows no redirect, uses no proxy and stores no cookie.

    Args:
        tls: Whether calls over TLS will be made: what that needs takes a moment to read.
    """
    trace = aiohttp.TraceConfig()

    async def resolving(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.resolving = True

    async def resolved(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.resolving = False

    async def connected(_session: object, context: SimpleNamespace, _params: object) -> None:
        context.trace_request_ctx.connected_s = time.monotonic()

    trace.on_dns_resolvehost_start.append(resolving)
    trace.on_dns_resolvehost_end.append(resolved)
    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0, ssl=ssl.create_default_context() if tls else True, resolver=_Resolver()
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[trace],
        trust_env=False,
    ) as session:
        yield session


async def ask(
    session: aiohttp.ClientSession,
    url: URL,
    headers: Headers,
    *,
    body: bytes | None = None,
    deadline_s: float,
    limit: str,
) -> VendorAnswer | NoAnswer:
    """Ask a provider once.

    Args:
        session: From `asking`.
        url: Where.
        headers: With the key, if one is to be sent.
        body: JSON, which is posted; None gets.
        deadline_s: When the answer must be complete, on the loop's clock, in seconds.
        limit: How long that is, for messages.
    """
    stage, begun_s = _CallStage(), time.monotonic()
    sent = [*_OWN, *headers, *([("content-type", "application/json")] if body is not None else [])]
    try:
        async with (
            asyncio.timeout_at(deadline_s),
            session.request(
                "GET" if body is None else "POST",
                url,
                headers=sent,
                data=body,
                allow_redirects=False,
                trace_request_ctx=stage,
            ) as response,
        ):
            latency_s = time.monotonic() - (stage.connected_s or begun_s)
            stage.answering = True
            data = bytearray()
            async for piece in response.content.iter_chunked(_CHUNK):
                data += piece
                if len(data) > BODY_MAX:
                    return NoAnswer(problem=f"its answer is longer than {BODY_MAX >> 20} MB", connected=True)
            pairs = tuple(
                (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.raw_headers
            )
            return VendorAnswer(status=response.status, headers=pairs, body=bytes(data), latency_s=latency_s)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return _why(error, stage, limit)


def _why(error: Exception, stage: _CallStage, limit: str) -> NoAnswer:
    """Return why there is no answer, given what was raised and how far the call had come."""
    connected = stage.connected_s is not None
    if isinstance(error, TimeoutError):
        return _too_late(stage, limit)
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return NoAnswer(**_words(error.certificate_error), connected=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        return NoAnswer(**_words(error.os_error), connected=False)
    if isinstance(error, aiohttp.InvalidURL | ValueError) and not connected:
        return NoAnswer(problem="its address, or a header of the call, cannot be sent", connected=False)
    if isinstance(error, aiohttp.ClientPayloadError):
        return NoAnswer(problem="it ends its answer half-way", connected=True)
    if isinstance(error, aiohttp.ClientResponseError):
        hint = "is this the port of its API?"
        return NoAnswer(problem="it does not answer in HTTP", hint=hint, connected=True)
    hint = "does it expect https at this port, or does a firewall end the connection?"
    problem = "it closes the connection without an answer"
    return NoAnswer(problem=problem, hint=hint, connected=True)


def _too_late(stage: _CallStage, limit: str) -> NoAnswer:
    if stage.answering:
        return NoAnswer(problem=f"it begins to answer, but does not end within {limit}", connected=True)
    if stage.connected_s is not None:
        hint = "it is overloaded, or something before it holds the call back"
        return NoAnswer(problem=f"it takes the call, but does not answer within {limit}", hint=hint, connected=True)
    what = "does its name server answer" if stage.resolving else "does it speak TLS at this port"
    hint = f"may this machine reach it, and {what}? No proxy is used"
    return NoAnswer(problem=f"no connection within {limit}", hint=hint, connected=False)


def _words(error: BaseException) -> dict[str, str]:
    problem, hint = why_unreachable(error)
    return {"problem": problem, "hint": hint}


class _Resolver(AbstractResolver):
    """Looks names up in threads that nobody waits for: the event loop's own would hold up the end of the program."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def finish(found: list[Any] | None, error: OSError | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found or [])

        def look_up() -> None:
            found, failure = None, None
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
            except OSError as error:
                failure = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(finish, found, failure)

        threading.Thread(target=look_up, daemon=True).start()
        return [
            ResolveResult(
                hostname=host, host=address[0], port=address[1], family=kind, proto=proto, flags=socket.AI_NUMERICHOST
            )
            for kind, _, proto, _, address in await answer
        ]

    async def close(self) -> None:
        """Do nothing: the threads end by themselves."""
