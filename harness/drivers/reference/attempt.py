"""One attempt at one provider: sent, read, and reported to the policy."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from harness.chain import Chain
from harness.chain.policy import Policy
from harness.chain.reference import Failure, Result, SendAttempt
from harness.chain.reference.classify import failure, inside
from harness.chain.spec import DUMMY_KEY
from harness.drivers.recorder import OpenAttempt, Recorder
from harness.drivers.reference.calls import Outgoing, embedding_form, outgoing
from harness.drivers.reference.wire import BrokenError, Incoming, ReferenceWire
from harness.history import AttemptOutcome
from harness.http_rules import is_success
from harness.provider import retry_after
from harness.provider.answer import ParsedBody
from harness.provider.dialects import Dialect, dialect_of, wire
from harness.provider.dialects.embeddings import texts_of
from harness.provider.dialects.framing import is_stream
from harness.provider.kinds import Api
from harness.provider.marker import ATTEMPT_HEADER
from harness.provider.reply import Send
from harness.provider.tools import CallPieces, ToolCall, joined
from harness.provider.usage import cost_usd

AFTER_END_S = 1.0
"""How long a stream is read on after its reason for ending, for its usage and its proper end."""


class CallerRequest(NamedTuple):
    """A caller's request.

    Attributes:
        api: Its form: `chat` or `embeddings`.
        body: As received, with `stream` as true or false.
        request_id: As the prompt names the request; None if it does not.
    """

    api: Api
    body: Mapping[str, Any]
    request_id: str | None


OnPiece = Callable[[CallPieces], None]
"""Called with each piece of an answer that arrives: text, calls of tools, or pieces of them."""


@dataclass(slots=True)
class PartialAnswer:
    """An answer as far as it has been read.

    Attributes:
        incoming: The answer, once its headers have arrived; None before.
        begun: Whether any text, call or vector has arrived.
        calls: The calls of tools so far, in pieces.
        vectors: Of an answer with embeddings.
        finish: Why it ended, in OpenAI's words; None before.
        used: Tokens in and out that are billed.
        error: The error that it holds; None if it holds none.
    """

    incoming: Incoming | None = None
    begun: bool = False
    calls: list[ToolCall] = field(default_factory=list)
    vectors: tuple[tuple[float, ...], ...] = ()
    finish: str | None = None
    used: tuple[int | None, int | None] = (None, None)
    error: ParsedBody | None = None

    def take(self, piece: CallPieces) -> None:
        """Take a piece in."""
        self.begun = True
        self.calls += piece.calls

    @property
    def half_call(self) -> bool:
        """Whether a call of a tool lacks a part of its arguments, though the caller's limit did not cut it off."""
        return self.finish != "length" and any(not _is_object(call.arguments) for call in joined(self.calls))


@dataclass(slots=True)
class AttemptRunner:
    """Makes attempts.

    Attributes:
        chain: The providers.
        policy: The timeouts.
        reach: Sends the requests.
        recorder: Records each attempt.
    """

    chain: Chain
    policy: Policy
    reach: ReferenceWire
    recorder: Recorder

    async def make(self, send: SendAttempt, asked: CallerRequest, reading: PartialAnswer, on_piece: OnPiece) -> Result:
        """Make one attempt and return what came of it. Whatever it raises is a mistake of ours.

        Args:
            send: Which.
            asked: By the caller.
            reading: Takes what is read of the answer.
            on_piece: Called with its text and calls, piece by piece.
        """
        request = outgoing(self.chain.providers[send.provider], asked.api, asked.body, DUMMY_KEY)
        attempt = self.recorder.begin(send.provider, asked.request_id)
        request.headers[ATTEMPT_HEADER] = attempt.key
        how: AttemptOutcome = "ok"
        try:
            await self._exchange(_AttemptInProgress(send, asked, attempt, reading, on_piece), request)
        except TimeoutError:
            how = "timeout"
        except BrokenError as broken:
            how = broken.outcome
        except BaseException:
            attempt.abandon()
            raise
        return self._result(send, attempt, reading, how)

    async def _exchange(self, exchange: _AttemptInProgress, request: Outgoing) -> None:
        send, asked, attempt, reading, _on_piece = exchange
        streaming = asked.body["stream"]
        now_s = asyncio.get_running_loop().time()
        latest_s = now_s + send.timeout_ns / 1e9
        first_s = now_s + self.policy.first_token / 1e9
        async with asyncio.timeout_at(min(latest_s, first_s) if streaming else latest_s) as patience:
            incoming = reading.incoming = await self.reach.send(send.provider, request)
            attempt.answered(incoming.status)
            try:
                if streaming and is_success(incoming.status) and is_stream(_header(incoming, "content-type")):
                    await self._stream(exchange, incoming, patience, latest_s)
                else:
                    await self._plain(exchange, incoming)
            finally:
                incoming.leave()

    async def _plain(self, exchange: _AttemptInProgress, incoming: Incoming) -> None:
        send, asked, _attempt, reading, on_piece = exchange
        data = await incoming.read()
        dialect = dialect_of(self.chain.providers[send.provider])
        parsed = dialect.read_body(incoming.status, data)
        if not is_success(incoming.status):
            parsed = dialect.with_code(parsed, incoming.headers)
        if not is_success(incoming.status) or parsed.error_code is not None:
            reading.error = parsed
            reading.finish = parsed.finish
        elif asked.api == "embeddings":
            self._embedded(exchange, data)
        elif not parsed.text and not parsed.calls:
            reading.error = parsed
            reading.finish = parsed.finish
        else:
            reading.finish = parsed.finish or "stop"
            reading.used = parsed.tokens_in, parsed.tokens_out
            piece = CallPieces(parsed.text, parsed.calls)
            reading.take(piece)
            on_piece(piece)

    def _embedded(self, exchange: _AttemptInProgress, data: bytes) -> None:
        """Read vectors. Fewer of them than texts are no answer: which one is missing is unknown."""
        send, asked, _attempt, reading, _on_piece = exchange
        found = embedding_form(self.chain.providers[send.provider]).read(data)
        reading.used = found.tokens_in, 0
        if len(found.vectors) == len(texts_of(asked.body)):
            reading.begun, reading.vectors, reading.finish = True, found.vectors, "stop"

    async def _stream(
        self, exchange: _AttemptInProgress, incoming: Incoming, patience: asyncio.Timeout, latest_s: float
    ) -> None:
        """Pass a stream's tokens on. It is complete only with a reason for its end."""
        send, _asked, _attempt, reading, on_piece = exchange
        dialect = dialect_of(self.chain.providers[send.provider])
        time_s = asyncio.get_running_loop().time
        rest = b""
        async for data in incoming.body():
            complete, rest = dialect.framing.split(rest, data)
            for event in complete:
                step = dialect.read_event(event)
                if step.part != "done":
                    self._read_rest(event, step, reading, dialect)
                    if reading.error is not None:
                        return
                piece = dialect.read_calls(event) or CallPieces(step.text, ())
                if piece.text or piece.calls:
                    reading.take(piece)
                    if self.policy.streams != "restart":
                        latest_s = math.inf  # the caller reads along: a stream that goes on is not cut off
                    patience.reschedule(min(latest_s, time_s() + self.policy.idle / 1e9))
                    on_piece(piece)
                if step.part in ("finish", "done") and reading.finish is None:
                    reading.finish = dialect.read_finish(event) or "stop"
                    patience.reschedule(min(latest_s, time_s() + AFTER_END_S))
        if reading.finish is None:
            raise BrokenError("cut")

    def _read_rest(self, event: bytes, step: Send, reading: PartialAnswer, dialect: Dialect) -> None:
        """Read what an event holds beside the text: an error, or the answer's usage.

        Raises:
            BrokenError: It is no event of a stream.
        """
        if not step.text and reading.finish is None and not dialect.framing.is_event(event):
            raise BrokenError("malformed")
        reading.error = dialect.read_error(event)
        if reading.error is None:
            new_in, new_out = dialect.read_usage(event)
            reading.used = _newer(new_in, reading.used[0]), _newer(new_out, reading.used[1])

    def _result(self, send: SendAttempt, attempt: OpenAttempt, reading: PartialAnswer, how: AttemptOutcome) -> Result:
        """Return what came of an attempt, and record it."""
        status = reading.incoming.status if reading.incoming is not None else None
        price = self.chain.providers[send.provider].price
        cost = cost_usd(price, *reading.used) or 0.0
        if status is not None and not is_success(status):
            return self._refused(send, attempt, reading, how)
        if reading.error is None and reading.begun and reading.finish is not None and not reading.half_call:
            attempt.end("ok")  # what broke off afterwards is no part of the answer
            return Result(send.attempt, status=status, cost_usd=cost)
        why: Failure
        error: str
        retry_after_ns: int | None = None
        if how != "ok":
            why, error = "timeout" if how == "timeout" else "connection", how
        elif reading.error is not None and reading.error.error_code is not None:
            why, error = inside(reading.error.error_code), f"an error in a success: {reading.error.error_code}"
            retry_after_ns = self._retry_after_ns(reading)
            how = "malformed"
        elif reading.finish == "content_filter":
            why, error = "content_policy", "content_filter"
        else:
            problem = "a call of a tool without all of its arguments" if reading.begun else "an answer without content"
            why, error, how = "server_error", problem, "malformed"
        attempt.end(how)
        return Result(send.attempt, why, status, retry_after_ns=retry_after_ns, error=error, cost_usd=cost)

    def _refused(self, send: SendAttempt, attempt: OpenAttempt, reading: PartialAnswer, how: AttemptOutcome) -> Result:
        """Read an error answer; its status counts even if its body broke off."""
        assert reading.incoming is not None
        status = reading.incoming.status
        code = reading.error.error_code if reading.error is not None else None
        attempt.end(how)
        return Result(
            send.attempt, failure(status, code), status, retry_after_ns=self._retry_after_ns(reading), error=code or ""
        )

    def _retry_after_ns(self, reading: PartialAnswer) -> int | None:
        """Return the Retry-After of an answer, in nanoseconds: from its headers, else from its body."""
        assert reading.incoming is not None
        found_ns = retry_after.read(reading.incoming.headers, time.time_ns())
        return reading.error.retry_after_ns if found_ns is None and reading.error is not None else found_ns


class _AttemptInProgress(NamedTuple):
    send: SendAttempt
    asked: CallerRequest
    attempt: OpenAttempt
    reading: PartialAnswer
    on_piece: OnPiece


def _is_object(arguments: str) -> bool:
    """Return whether they are JSON as tools take it. No text at all means no arguments."""
    return isinstance(wire.load((arguments or "{}").encode("utf-8", "replace")), dict)


def _header(incoming: Incoming, name: str) -> str:
    return next((value for key, value in incoming.headers if key.lower() == name), "")


def _newer(new: int | None, old: int | None) -> int | None:
    return old if new is None else new
