"""One call passed through to a real provider, and its answer as steps that come one by one."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from hashlib import sha256

import aiohttp

from harness.edge.request import EdgeRequest
from harness.edge.upstream import Upstream, answer_headers, watched
from harness.exchange_errors import read_aiohttp_error
from harness.history import AttemptOutcome
from harness.http_rules import has_body, is_success
from harness.provider import retry_after
from harness.provider.answer import Answer, Call, ParsedBody
from harness.provider.changes import AnswerChanges, held_ns
from harness.provider.decide import Decision
from harness.provider.dialects.framing import is_stream
from harness.provider.dialects.prefixes import ReportedCache
from harness.provider.reply import Close, End, Head, Headers, Reset, Send, Step
from harness.provider.tools import ToolCall, joined, whole
from harness.provider.usage import cost_usd

_LOG = logging.getLogger(__name__)
_HELD_BYTES_MAX = 256 * 2**10
_AT_ONCE_BYTES_MAX = 2**19
_READ_BYTES_MAX = 8 * 2**20
_STATUSES = range(200, 600)


class ForwardedCall:
    """One call to a real provider.

    Iterate over it for the steps that leave; None is one that has not come yet. An answer that a fault cuts off is read to
    its end all the same: the provider meant to send it, and bills it.

    Attributes:
        finished: Nothing more will come from the provider.
        complete: The last event of a stream has left: a client that leaves now has not left early.
        trouble: How the exchange ended if the upstream, not a fault, was the cause; None if it ended well.
    """

    def __init__(
        self, real: Upstream, request: EdgeRequest, call: Call, attempt_id: str, decision: Decision, *, wall_ns: int
    ) -> None:
        """Get ready.

        Args:
            real: Who is asked.
            request: What.
            call: The same as its dialect reads it.
            attempt_id: Names the attempt.
            decision: The faults that touch it.
            wall_ns: What time it is, in nanoseconds since 1970.
        """
        self.finished = False
        self.complete = False
        self.trouble: AttemptOutcome | None = None
        self._real = real
        self._request = request
        self._call = call
        self._attempt_id = attempt_id
        self._changes = AnswerChanges(real.dialect, decision, call, attempt_id, wall_ns=wall_ns)
        self._late_ns = held_ns(real.dialect, decision, call, attempt_id)
        self._left: list[str] = []
        self._steps: deque[Step] = deque()
        self._played = 0
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._more: Callable[[], None] = lambda: None
        self._over: Callable[[], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._status: int | None = None
        self._whole = False
        self._ended_well = False
        self._spoilt: AttemptOutcome = "ok"
        self._texts: list[str] = []
        self._pieces: list[ToolCall] = []
        self._tokens = 0
        self._chars = 0
        self._parsed = ParsedBody()
        self._cached: ReportedCache | None = None
        self._retry_after_ns: int | None = None

    def __iter__(self) -> ForwardedCall:
        return self

    def __next__(self) -> Step | None:
        if not self._steps:
            if self.finished:
                raise StopIteration
            return None
        step = self._steps.popleft()
        self._played += 1
        if isinstance(step, Send):
            self.complete = self.complete or step.part == "done"
            self._held_bytes -= len(step.data)
            if self._held_bytes < _HELD_BYTES_MAX:
                self._room.set()
        return step

    def begin(self, more: Callable[[], None]) -> None:
        """Make the call; `more` is called whenever steps have come."""
        self._more = more
        self._real.client.open_calls.add(self)
        self._task = asyncio.create_task(self._run())

    def cancel(self) -> asyncio.Task[None] | None:
        """End the call at once: its answer is not needed any more. Return what is left to be awaited."""
        self._steps.clear()
        if not self.finished:
            if self._task is not None:
                self._task.cancel()
            self._finish(whole=self._ended_well)
            self._end()
        return self._task

    def when_over(self, over: Callable[[], None]) -> None:
        """Have `over` called when nothing more comes from the provider: at once, or later."""
        if self.finished:
            over()
        else:
            self._over = over

    def answer(self) -> Answer:
        """Return what is recorded of the answer."""
        fired = tuple(name for name, at in self._changes.began.items() if at < self._played)
        window, changes = self._changes.body, self._changes
        changed = window is not None and window.fault_id in fired
        error_code = self._parsed.error_code
        text = None
        if self._whole and self._fine and self._spoilt == "ok":
            text = self._text(left=changed and changes.withholds_text)
            if self._call.inputs and not text:  # a real model's vectors spell nothing
                text = None
        if changed and (code := changes.error_code) is not None:
            error_code = code
        counted = self._fine and self._call.streaming
        tokens_out = self._parsed.tokens_out
        if tokens_out is None and counted:
            tokens_out = self._tokens
        tokens_in, cached = self._parsed.tokens_in, self._cached
        if cached is not None:
            tokens_in = cached.total(tokens_in)
        return Answer(
            reply=[],
            fault_id=fired[0] if fired else None,
            other_faults=fired[1:],
            ending=self._changes.ending if self._changes.ending != "ok" else self._spoilt,
            error_code=error_code,
            retry_after_ns=self._retry_after_ns if self._retry_after_ns is not None else self._parsed.retry_after_ns,
            text=text,
            text_sha256=None if text is None else sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            tokens_in=self._call.prompt_tokens if tokens_in is None and self._fine else tokens_in,
            tokens_out=tokens_out,
            cached=None if cached is None else cached.part,
        )

    def _text(self, *, left: bool) -> str | None:
        """Return the answer as text, or what of it left; None where it cannot be known, as of half a call."""
        if left:
            return None if self._pieces else "".join(self._left)
        return whole("".join(self._texts), joined(self._pieces))

    @property
    def _fine(self) -> bool:
        return is_success(self._status)

    async def _run(self) -> None:
        real = self._real
        body = self._request.body
        try:
            async with real.client.session.post(
                real.address(self._request.path),
                data=io.BytesIO(body) if len(body) > _AT_ONCE_BYTES_MAX else body,  # the rest in pieces
                headers=real.headers(self._request),
                allow_redirects=False,
            ) as response:
                with watched(response):
                    await self._pass(response)
        except Exception as error:  # whatever it is, the chain gets a broken connection, and the run goes on
            if not self.finished:
                self._broke(error)
        self._end()

    async def _pass(self, response: aiohttp.ClientResponse) -> None:
        if response.status not in _STATUSES:
            raise aiohttp.ClientResponseError(response.request_info, (), status=response.status)
        self._status = response.status
        headers = answer_headers(response)
        if not self._fine:
            self._retry_after_ns = retry_after.read(headers, time.time_ns() + self._late_ns)
        self._put(Head(self._status, headers), wake=not response.content.is_eof())  # else all leaves in one write
        if is_stream(response.content_type) and self._fine:
            await self._stream(response.content)
        else:
            await self._plain(response.content, headers)

    async def _stream(self, body: aiohttp.StreamReader) -> None:
        rest = b""
        split = self._real.dialect.framing.split
        try:
            while data := await body.readany():
                events, rest = split(rest, data)
                if len(rest) > _READ_BYTES_MAX:  # no event is as long
                    events.append(rest)
                    rest = b""
                await self._take(events)
        except aiohttp.ClientError:
            events, rest = split(rest, _arrived(body))
            await self._take([*events, rest] if rest else events)
            raise
        await self._take([rest] if rest else [])
        self._finish(whole=True)
        self._put(End())

    async def _take(self, events: list[bytes]) -> None:
        steps = [self._read(event) for event in events]
        if steps:
            self._put(*steps)
            await self._wait_for_room()

    async def _plain(self, body: aiohttp.StreamReader, headers: Headers) -> None:
        """Pass a plain body on, one piece behind, as only the last carries the text."""
        pieces: list[bytes] = []
        size = 0
        last = b""
        try:
            while data := await body.readany():
                if last:
                    self._put(Send(last))
                    await self._wait_for_room()
                last = data
                size += len(data)
                if size <= _READ_BYTES_MAX:
                    pieces.append(data)
        except aiohttp.ClientError:
            self._put(Send(last + _arrived(body)))
            raise
        assert self._status is not None
        readable = size <= _READ_BYTES_MAX
        if readable:
            self._parse(self._status, headers, b"".join(pieces))
        self._keep(self._parsed.whole)
        self._finish(whole=readable)
        self._put(*([Send(last, self._parsed.whole)] if last else []), End())

    def _keep(self, text: str, calls: Sequence[ToolCall] = ()) -> None:
        self._tokens += 1
        self._chars += len(text) + sum(len(call.arguments) for call in calls)
        self._pieces += calls
        if self._chars > _READ_BYTES_MAX:  # a text without end
            self._texts.clear()
            self._left.clear()
            self._pieces.clear()
        else:
            self._texts.append(text)

    def _parse(self, status: int, headers: Headers, body: bytes) -> None:
        form = self._real.dialect.embed
        if self._fine and self._call.inputs and form is not None:
            embedded = form.read(body)
            self._parsed = ParsedBody(embedded.text, embedded.tokens_in, 0)
            if len(embedded.vectors) != self._call.inputs:
                self._spoilt = "malformed"
            return
        parsed = self._real.dialect.read_body(status, body)
        self._parsed = parsed if self._fine else self._real.dialect.with_code(parsed, headers)
        self._read_cached(body)
        if self._fine and has_body(status) and not self._real.dialect.is_answer(body):
            self._spoilt = "malformed"

    def _read(self, event: bytes) -> Send:
        try:
            step = self._real.dialect.read_event(event)
            pieces = self._real.dialect.read_calls(event)
        except Exception:  # what cannot be read passes all the same
            return Send(event)
        if pieces is not None and step.text:
            self._keep(pieces.text, pieces.calls)
        elif pieces is not None:  # it begins a call, and is no token
            self._pieces += pieces.calls
        elif step.text:
            self._keep(step.text)
        self._ended_well = self._ended_well or step.part == "done"
        if (error := self._real.dialect.read_error(event)) is not None:
            self._spoilt = "cut"
            self._parsed = self._parsed._replace(error_code=error.error_code)
        tokens_in, tokens_out = self._real.dialect.read_usage(event)
        if tokens_in is not None:
            self._parsed = self._parsed._replace(tokens_in=tokens_in)
        if tokens_out is not None:
            self._parsed = self._parsed._replace(tokens_out=tokens_out)
        self._read_cached(event)
        return step

    def _read_cached(self, data: bytes) -> None:
        usage = self._real.dialect.cache_usage
        if self._fine and usage is not None and (found := usage.read(data)) is not None:
            self._cached = found

    def _put(self, *steps: Step, wake: bool = True) -> None:
        leaving = self._changes.feed_all(steps)
        for step in leaving:
            if isinstance(step, Send):
                self._held_bytes += len(step.data)
                if step.text and self._chars <= _READ_BYTES_MAX:
                    self._left.append(step.text)
        self._steps.extend(leaving)
        if leaving and wake:
            self._more()

    async def _wait_for_room(self) -> None:
        """Let the provider wait for a client that does not read."""
        while self._held_bytes >= _HELD_BYTES_MAX:
            self._room.clear()
            await self._room.wait()

    def _broke(self, error: Exception) -> None:
        outcome, words = read_aiohttp_error(error, answered=self._status is not None)
        _LOG.warning("%s: error: upstream %s: %s", self._attempt_id, self._real.provider.upstream, words)
        if not self._changes.over:
            self.trouble = outcome
        self._finish()
        self._put(Reset() if outcome in ("refused", "reset") else Close())

    def _finish(self, *, whole: bool = False) -> None:
        self.finished = True
        self._whole = whole and self._chars <= _READ_BYTES_MAX
        answer = self.answer()
        price = self._real.provider.price
        self._real.client.budget.spend(cost_usd(price, answer.tokens_in, answer.tokens_out, answer.cached) or 0.0)

    def _end(self) -> None:
        self._real.client.open_calls.discard(self)
        over, self._over = self._over, None
        if over is not None:
            over()


def _arrived(body: aiohttp.StreamReader) -> bytes:
    """Return what had come before a body broke: aiohttp raises first and forgets it."""
    return body._read_nowait(-1)  # noqa: SLF001 - there is no public way
