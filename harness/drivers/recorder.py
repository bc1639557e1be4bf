"""Record every upstream attempt of a chain: one row each.

The attempts of a chain that uses any HTTP library are seen at the connections of its event loop, in bytes
(`harness.drivers.watched`). The library is watched, not replaced: its requests differ from those of an unwatched run by one header.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

from harness.history.records import AttemptOutcome, ChainAttempt, ProviderCondition, ProviderState
from harness.http_rules import is_success
from harness.provider.dialects import dialect_of
from harness.provider.spec import Provider


class CallersRequest:
    """One request of a caller, while the chain works on it.

    Attributes:
        request_id: Its id; None if it has none.
    """

    __slots__ = ("_ended", "_undecided", "request_id")

    def __init__(self, request_id: str | None) -> None:
        self.request_id = request_id
        self._undecided: list[OpenAttempt] = []
        self._ended: AttemptOutcome | None = None

    def gave_up(self, attempt: OpenAttempt) -> None:
        """Take an attempt that the chain gave up before it had a connection.

        Whether the chain lost its patience, or its caller left, shows at the request's end.
        """
        attempt.stop()
        if self._ended is None:
            self._undecided.append(attempt)
        else:
            attempt.end(self._ended)

    def end(self, outcome: AttemptOutcome) -> None:
        """Say how such attempts ended."""
        self._ended = outcome
        for attempt in self._undecided:
            attempt.end(outcome)


_CURRENT: ContextVar[CallersRequest | None] = ContextVar("callers_request", default=None)


def current_request() -> CallersRequest | None:
    """Return the caller's request that this code works on, or worked on last; None where none was named."""
    return _CURRENT.get()


@contextmanager
def working_on(request_id: str | None) -> Iterator[CallersRequest]:
    """Name the caller's request that everything inside works on, also in tasks that are started inside; gives the request."""
    request = CallersRequest(request_id)
    # Never reset. Before Python 3.12, an unfinished block that the garbage collector ends, and that resets a variable, crashes the
    # interpreter if the collector runs within `ContextVar.set` (python/cpython#148891).
    _CURRENT.set(request)
    outcome: AttemptOutcome = "timeout"
    try:
        yield request
    except (asyncio.CancelledError, GeneratorExit):
        outcome = "client_left"
        raise
    finally:
        request.end(outcome)


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
        put: Callable[[ChainAttempt | ProviderState], None],
        *,
        prefix: str = "a",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._providers = {address(url): name for name, url in base_urls.items()}
        self._last_events = {name: _last_event(provider) for name, provider in providers.items()}
        self._put = put
        self._prefix = prefix
        self._keys = itertools.count(1)
        self._open: set[OpenAttempt] = set()
        self.clock_ns = clock_ns

    def close(self) -> None:
        """Write the attempts that are still open; their callers have left."""
        for attempt in list(self._open):
            attempt.abandon()

    def provider_at(self, host: str, port: int) -> str | None:
        """Return the provider that is called there; None if none is."""
        return self._providers.get((host, port))

    def last_event(self, provider: str) -> re.Pattern[bytes] | None:
        """Return what matches the beginning of the last event of a provider's streams; None if they have none."""
        return self._last_events[provider]

    def begin(self, provider: str, request_id: str | None, *, start_ns: int | None = None) -> OpenAttempt:
        """Return an attempt that begins now, or began at `start_ns`.

        Args:
            provider: Its name.
            request_id: The request it belongs to.
            start_ns: When it began, by the recorder's clock.
        """
        key = f"{self._prefix}-{next(self._keys):06d}"
        start_ns = self.clock_ns() if start_ns is None else start_ns
        attempt = OpenAttempt(key, request_id, provider, self._ended, self.clock_ns, start_ns=start_ns)
        self._open.add(attempt)
        return attempt

    def changed(self, provider: str, at_ns: int, state: ProviderCondition, why: str) -> None:
        """Write that the chain changed what it holds of a provider; see `ProviderState`."""
        self._put(ProviderState(provider=provider, at_ns=at_ns, state=state, why=why))

    def failed(self, error: Exception) -> Exception:
        """Return what to raise for a bug in the watching itself."""
        return error

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

    __slots__ = (
        "_clock_ns",
        "_end_ns",
        "_ended",
        "_first_byte_ns",
        "_start_ns",
        "_status",
        "key",
        "provider",
        "request_id",
    )

    def __init__(
        self,
        key: str,
        request_id: str | None,
        provider: str,
        ended: Callable[[OpenAttempt, ChainAttempt], None],
        clock_ns: Callable[[], int],
        *,
        start_ns: int,
    ) -> None:
        self._clock_ns = clock_ns
        self.key = key
        self.request_id = request_id
        self.provider = provider
        self._ended: Callable[[OpenAttempt, ChainAttempt], None] | None = ended
        self._start_ns = start_ns
        self._end_ns: int | None = None
        self._first_byte_ns: int | None = None
        self._status: int | None = None

    def answered(self, status: int) -> None:
        """Note that the headers have arrived."""
        self._status = status
        self._first_byte_ns = self._clock_ns()

    def abandon(self) -> None:
        """End without the rest of the answer. Clients often leave an error's body unread: that is no leaving."""
        self.end("client_left" if self._status is None or is_success(self._status) else "status")

    def stop(self) -> None:
        """Note that it ends now; how shows later."""
        self._end_ns = self._clock_ns()

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
            end_ns=self._clock_ns() if self._end_ns is None else self._end_ns,
            status=self._status,
            outcome=outcome,
            error=error,
        )
        ended(self, row)


def forget(_row: ChainAttempt | ProviderState) -> None:
    """Record nothing: the run has no capture."""


def _last_event(provider: Provider) -> re.Pattern[bytes] | None:
    """Return what matches the beginning of the last event of a provider's streams; None if they have none."""
    begin = dialect_of(provider).last_event
    return None if begin is None else re.compile(rb"(?:^|\n)" + begin)


def address(url: str) -> tuple[str, int | None]:
    """Return host and port of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port
