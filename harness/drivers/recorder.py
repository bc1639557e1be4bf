"""Record every upstream attempt at the chain's own HTTP transport.

The transport is the one place that sees them all: retries, fallbacks and a client library's hidden second sends. It is
watched, not replaced: the requests differ from those of an unwatched run by one header.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from urllib.parse import urlsplit

import httpx

from harness.exchange_errors import RESET, RESET_SAID
from harness.history.records import AttemptOutcome, ChainAttempt
from harness.http_rules import is_success
from harness.provider.dialects import DIALECTS
from harness.provider.marker import ATTEMPT_HEADER, find_request
from harness.provider.spec import Provider

Handle = Callable[[httpx.Request], Awaitable[httpx.Response]]

_LOG = logging.getLogger(__name__)
_TAIL_BYTES = 32


class Recorder:
    """Writes one row per attempt. Only a POST is one, as at the edge.

    Args:
        providers: Of the chain, by name.
        base_urls: Where each of them is called; an attempt's host and port show which one it is at.
        put: Takes the rows; `Capture.put`.
        prefix: Begins every attempt's key; no two recorders of a run have the same.
        clock_ns: Stamps the rows.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        base_urls: Mapping[str, str],
        put: Callable[[ChainAttempt], None],
        *,
        prefix: str = "a",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._providers = {_authority(url): name for name, url in base_urls.items()}
        self._last_events = {name: _last_event(provider) for name, provider in providers.items()}
        self._put = put
        self._prefix = prefix
        self._clock_ns = clock_ns
        self._keys = itertools.count(1)
        self._open: set[OpenAttempt] = set()

    def close(self) -> None:
        """Write the attempts that are still open; their callers have left."""
        for attempt in list(self._open):
            attempt.abandon()

    def begin(self, provider: str, request_id: str | None) -> OpenAttempt:
        """Return an attempt that begins now.

        Args:
            provider: Its name.
            request_id: The request it belongs to.
        """
        key = f"{self._prefix}-{next(self._keys):06d}"
        attempt = OpenAttempt(key, request_id, provider, self._ended, self._clock_ns)
        self._open.add(attempt)
        return attempt

    def watch(self, handle: Handle) -> Handle:
        """Return a transport's `handle_async_request` that records what it does."""

        async def handle_async_request(request: httpx.Request) -> httpx.Response:
            provider = self._providers.get((request.url.host, request.url.port))
            if provider is None:
                # A test of faults must never spend a real provider's money, whatever the configuration says.
                _LOG.warning("a call to %s, none of the chain's providers, was stopped", request.url.host)
                raise httpx.ConnectError("this address is none of the chain's providers", request=request)
            if request.method != "POST":
                return await handle(request)  # a look at a provider's models or health is no attempt at the edge either
            attempt = self.begin(provider, _request_id(request))
            request.headers[ATTEMPT_HEADER] = attempt.key
            try:
                response = await handle(request)
            except BaseException as error:
                attempt.end(*read_httpx_error(error))
                raise
            attempt.answered(response.status_code)
            if isinstance(response.stream, httpx.AsyncByteStream):
                response.stream = _WatchedBody(response.stream, attempt, self._last_events[provider])
            return response

        return handle_async_request

    def _ended(self, attempt: OpenAttempt, row: ChainAttempt) -> None:
        self._open.discard(attempt)
        self._put(row)


class OpenAttempt:
    """One attempt under way; its row is written once, at its end.

    Attributes:
        key: Sent along with it, so that the edge's record carries it too.
        request_id: The request it belongs to.
        provider: Its name.
    """

    __slots__ = ("_clock_ns", "_ended", "_first_byte_ns", "_start_ns", "_status", "key", "provider", "request_id")

    def __init__(
        self,
        key: str,
        request_id: str | None,
        provider: str,
        ended: Callable[[OpenAttempt, ChainAttempt], None],
        clock_ns: Callable[[], int],
    ) -> None:
        self._clock_ns = clock_ns
        self.key = key
        self.request_id = request_id
        self.provider = provider
        self._ended: Callable[[OpenAttempt, ChainAttempt], None] | None = ended
        self._start_ns = clock_ns()
        self._first_byte_ns: int | None = None
        self._status: int | None = None

    def answered(self, status: int) -> None:
        """Note that the headers have arrived."""
        self._status = status
        self._first_byte_ns = self._clock_ns()

    def abandon(self) -> None:
        """End without the rest of the answer. Clients often leave an error's body unread: that is no leaving."""
        self.end("client_left" if self._status is None or is_success(self._status) else "status")

    def end(self, outcome: AttemptOutcome, error: str | None = None) -> None:
        """Write the row; any further end is ignored."""
        ended, self._ended = self._ended, None
        if ended is None:
            return
        if outcome == "ok" and self._status is not None and not is_success(self._status):
            outcome = "status"
        row = ChainAttempt(
            key=self.key,
            request_id=self.request_id,
            provider=self.provider,
            start_ns=self._start_ns,
            first_byte_ns=self._first_byte_ns,
            end_ns=self._clock_ns(),
            status=self._status,
            outcome=outcome,
            error=error,
        )
        ended(self, row)


class _WatchedBody(httpx.AsyncByteStream):
    """An answer's body, passed on as it is.

    Not a generator: abandoning this must drop the inner stream at the same moment as without it.
    """

    def __init__(
        self, inner: httpx.AsyncByteStream, attempt: OpenAttempt, last_event: re.Pattern[bytes] | None
    ) -> None:
        self._inner = inner
        self._attempt = attempt
        self._last_event = last_event
        self._iterator: AsyncIterator[bytes] | None = None
        self._tail = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._iterator = aiter(self._inner)
        return self

    async def __anext__(self) -> bytes:
        if self._iterator is None:
            self._iterator = aiter(self._inner)
        try:
            chunk = await anext(self._iterator)
        except StopAsyncIteration:
            self._attempt.end("ok")
            raise
        except BaseException as error:
            self._attempt.end(*read_httpx_error(error, answered=True))
            raise
        if self._last_event is not None:
            text = self._tail + chunk
            if self._last_event.search(text):
                self._attempt.end("ok")  # clients stop reading here, and some never close
            self._tail = text[-_TAIL_BYTES:]
        return chunk

    async def aclose(self) -> None:
        self._attempt.abandon()
        await self._inner.aclose()

    def __del__(self) -> None:
        self._attempt.abandon()


def forget(_row: ChainAttempt) -> None:
    """Record nothing: the run has no capture."""


def read_httpx_error(error: BaseException, *, answered: bool = False) -> tuple[AttemptOutcome, str | None]:
    """Return how an attempt that raised ended, and why in words that hold neither addresses nor keys.

    Args:
        error: The transport's exception.
        answered: The answer's headers had come.
    """
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "client_left", None
    causes = list(_causes(error))
    number = next((cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno), None)
    words = [type(error).__name__]
    words += [os.strerror(number)] if number else [type(causes[-1]).__name__] if len(causes) > 1 else []
    return _outcome(error, number, answered=answered), ": ".join(words)


def _outcome(error: BaseException, number: int | None, *, answered: bool) -> AttemptOutcome:
    if isinstance(error, httpx.TimeoutException) or number == errno.ETIMEDOUT:
        return "timeout"
    if number == errno.ECONNREFUSED:
        return "refused"
    if number in RESET or RESET_SAID in str(error):
        return "reset"
    if isinstance(error, httpx.ProtocolError) and not answered:
        return "malformed"
    return "cut"


def _causes(error: BaseException) -> Iterator[BaseException]:
    visited: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in visited:
        visited.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _last_event(provider: Provider) -> re.Pattern[bytes] | None:
    """Return what matches the beginning of the last event of a provider's streams; None if they have none."""
    begin = DIALECTS[provider.dialect].last_event
    return None if begin is None else re.compile(rb"(?:^|\n)" + begin)


def _request_id(request: httpx.Request) -> str | None:
    try:
        marker = find_request(request.content)
    except httpx.RequestNotRead:
        return None
    return marker.request_id if marker else None


def _authority(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port
