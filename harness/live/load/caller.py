"""One request, from its intended start to its record. Runs in a greenlet of its own."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gevent
from gevent import Timeout
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError, HTTPSocketPoolResponse
from geventhttpclient.url import URL

from harness.caller.answer import Reading, StreamReading, read_failure
from harness.caller.conversation import continued, followers
from harness.caller.forms import FORMS
from harness.caller.prompt import Messages, RequestWriter
from harness.caller.record import record
from harness.history.records import WARMUP, RequestRecord
from harness.http_rules import is_success
from harness.live.load.connections import bound, client_for
from harness.messages import LoadStart
from harness.provider.kinds import API, PATHS
from harness.provider.marker import REQUEST_HEADER, RUN_HEADER
from harness.scenario.mix import THINK_NS, MixPart
from harness.scenario.plan import phase_at

DRAIN_S = 0.5
_LOG = logging.getLogger(__name__)
_ERROR_CHARS = 200
_BROKEN = (OSError, HTTPParseError, UnicodeError)
"""What a broken connection, or an answer that is no HTTP, raises."""
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})
"""Errors for want of something on this machine, for which the chain is not to blame."""

Report = Callable[[RequestRecord], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """What one caller is to do; times in absolute monotonic nanoseconds.

    The other fields are those of `Arrival`; `model` is asked for in place of that of its kind.
    """

    request_id: str
    phase: str
    scheduled_ns: int
    deadline_ns: int
    streaming: bool = False
    part: int = 0
    caller: str | None = None
    line: int = 0
    prompt_tokens: int | None = None
    max_tokens: int | None = None
    model: str | None = None


@dataclass(slots=True)
class _Observed:
    """What has come of the answer so far: all there is to record if the caller leaves midway."""

    status: int | None = None
    first_token_ns: int | None = None
    end_ns: int | None = None
    stream: StreamReading | None = None
    response: HTTPSocketPoolResponse | None = None


class _UnsentError(Exception):
    """The request never went out, for want of something on this machine."""


class Caller:
    """Sends requests and reports how each ended.

    Args:
        start: The start message.
        user: The Locust user whose connections are used.
        report: Takes every finished record.
    """

    def __init__(self, start: LoadStart, user: Any, report: Report) -> None:
        session = user.client
        base, parts = session.base_url.rstrip("/"), start.load.parts
        urls = [URL(base + PATHS[API[part.kind]]) for part in parts]
        self._client = client_for(user, urls[0])
        self._uris = [url.quoted_uri for url in urls]
        self._requests = RequestWriter(start.token, parts, start.model, prompts=start.prompts, extras=start.extras)
        self._deadline_ns = start.load.deadline
        self._phases = start.phases
        self._followers = followers(start.arrivals)
        self._keep_text = start.load.keep_text
        self._report = report
        self._failures: set[str] = set()
        own = start.own_headers or ({},) * len(parts)
        self._secrets = start.secrets | {
            value.split()[-1] for headers in (start.headers, *own) for value in headers.values() if value.strip()
        }
        self._headers = [
            self._all_headers(start, part, headers, session) for part, headers in zip(parts, own, strict=True)
        ]
        # What a warm-up costs is no tenant's, and its key must not be known to the gateway before the run.
        self._warm_headers = [
            self._all_headers(start, part, {}, session) if number in start.tenants else self._headers[number]
            for number, part in enumerate(parts)
        ]

    def _all_headers(self, start: LoadStart, part: MixPart, own: Mapping[str, str], session: Any) -> dict[str, str]:
        headers = {name.lower(): value for name, value in {**start.headers, **own}.items()}
        headers |= {
            **FORMS[API[part.kind]].headers,
            "accept-encoding": "identity",
            "content-type": "application/json",
            RUN_HEADER: start.token,
        }
        if session.auth_header:  # the address named a user
            headers.setdefault("authorization", session.auth_header)
        return headers

    def drop(self, call: PlannedCall, error: str) -> RequestRecord:
        """Record an arrival that never goes out."""
        dropped = RequestRecord(
            request_id=call.request_id,
            phase=call.phase,
            scheduled_ns=call.scheduled_ns,
            outcome="dropped",
            streaming=call.streaming,
            kind=self._requests.kind(call).kind,
            model=self._requests.kind(call).model,
            caller=call.caller,
            error=error,
        )
        self._report(dropped)
        return dropped

    def converse(self, call: PlannedCall, origin_ns: int) -> None:
        """Send one request, and each turn that follows it: after the answer, a while later, within the run.

        Args:
            call: The first turn.
            origin_ns: When the run's clock began, in absolute monotonic nanoseconds.
        """
        earlier: Messages = ()
        while True:
            done, reading = self.call(call, earlier)
            following = self._followers.get(call.request_id)
            if following is None or reading is None or done.outcome != "ok" or done.end_ns is None:
                return
            at_ns = done.end_ns + THINK_NS
            if at_ns - origin_ns >= self._phases[-1].end_ns:
                return
            request = self._requests.request(call, model=call.model, earlier=earlier)
            earlier = continued(self._requests, request, reading, following)
            call = replace(
                call,
                request_id=following.request_id,
                phase=phase_at(self._phases, at_ns - origin_ns),
                scheduled_ns=at_ns,
                deadline_ns=at_ns + self._deadline_ns,
            )
            gevent.sleep(max(0, at_ns - time.monotonic_ns()) / 1e9)

    def call(self, call: PlannedCall, earlier: Messages = ()) -> tuple[RequestRecord, Reading | None]:
        """Send one request, wait for its answer or its deadline, and record it; return its record, and what came unless nothing went out.

        Args:
            call: Which.
            earlier: What was said before in its conversation.
        """
        body = self._requests.body(call, model=call.model, earlier=earlier)
        known = self._warm_headers if call.phase == WARMUP else self._headers
        headers = known[call.part] | {REQUEST_HEADER: call.request_id}
        seen = _Observed()
        start_ns = time.monotonic_ns()
        left_ns = call.deadline_ns - start_ns
        if left_ns <= 0:
            return self.drop(call, f"{-left_ns / 1e9:.3f} s past its deadline before it could go out"), None
        left = False
        try:
            with Timeout(left_ns / 1e9) as deadline:
                reading = self._exchange(call, body, headers, seen)
        except _UnsentError as unsent:
            return self.drop(call, str(unsent)), None
        except Timeout as timeout:
            if timeout is not deadline:
                raise
            left = True
            reading = seen.stream.end() if seen.stream else Reading(outcome="error")
        except Exception as error:  # of the load's or its library's making: the chain is not to blame, and others go on
            name = type(error).__name__
            if name not in self._failures:  # once is enough: it may be so for every request
                self._failures.add(name)
                _LOG.exception("%s: the load failed", call.request_id)
            return self.drop(call, f"the load failed: {name}"), None
        finally:
            end_ns = seen.end_ns or time.monotonic_ns()
            if seen.response is not None and not (seen.stream and seen.stream.finished):
                seen.response.release()  # closes the connection, unless the whole answer was read
        made = record(
            call,
            seen,
            reading,
            kind=self._requests.kind(call),
            prompt=self._requests.facts(call),
            start_ns=start_ns,
            end_ns=end_ns,
            left=left,
            keep_text=self._keep_text,
            secrets=self._secrets,
        )
        self._report(made)
        if seen.stream is not None and seen.stream.finished and seen.response is not None:
            _drain(seen.response)
        return made, reading

    def _exchange(self, call: PlannedCall, body: bytes, headers: dict[str, str], seen: _Observed) -> Reading:
        try:
            seen.response = response = self._client.request("POST", self._uris[call.part], body=body, headers=headers)
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno in _OURS:
                raise _UnsentError(_words(error)) from None
            return Reading(outcome="error", error=_words(error))
        bound(response)
        seen.status = response.get_code()
        try:
            if not is_success(seen.status):
                return read_failure(seen.status, response.read())
            form = self._requests.form(call)
            if call.streaming and form.stream is not None:
                seen.stream = form.stream()
                return _read_stream(response, seen, seen.stream)
            return form.plain(response.read())
        except _BROKEN as error:
            if not is_success(seen.status):
                return Reading(outcome="error", error=f"{seen.status}, {_words(error)}")
            return Reading(outcome="truncated", error=_words(error))


def _read_stream(response: HTTPSocketPoolResponse, seen: _Observed, stream: StreamReading) -> Reading:
    """Read an event stream line by line, as it comes: the library's `iter_content` would hide a broken end."""
    broken = None
    try:
        while not stream.finished and (line := response.readline(b"\n")):
            stream.feed(line)
            if seen.first_token_ns is None and stream.has_text:
                seen.first_token_ns = time.monotonic_ns()
        if not stream.finished:
            stream.feed(response.read())  # what came after the last line feed
    except _BROKEN as error:
        broken = _words(error)
    seen.end_ns = time.monotonic_ns()
    return stream.end(broken)


def _drain(response: HTTPSocketPoolResponse) -> None:
    """Read what follows `[DONE]`, so that the connection can serve again; close it where that takes long."""
    try:
        with Timeout(DRAIN_S, False):  # noqa: FBT003 - gevent's way to say: end the block quietly
            response.read()
    except _BROKEN:
        pass  # the answer was whole before; only the connection is lost
    finally:
        response.release()


def _words(error: Exception) -> str:
    """Return an error of the connection in short."""
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return "connection reset"
    if isinstance(error, HTTPConnectionClosed):
        return "connection closed before an answer"
    if isinstance(error, HTTPParseError) and "Incomplete" in str(error):
        return "connection closed in mid-answer"
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARS]
