"""One attempt at one provider: sent, read, and told to the policy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from harness.chain import Chain
from harness.chain.reference import Failure, Result, Send
from harness.chain.reference.classify import failure
from harness.chain.spec import Policy
from harness.drivers.recorder import Attempt, Recorder
from harness.drivers.reference.calls import outgoing
from harness.drivers.reference.wire import BrokenError, Incoming, Wire
from harness.provider import retry_after
from harness.provider.dialects import DIALECTS
from harness.provider.dialects import wire as events
from harness.provider.marker import ATTEMPT_HEADER, find_request
from harness.provider.usage import billed, cost_usd

_FAILURES: dict[str, Failure] = {"timeout": "timeout"}


class Token(NamedTuple):
    """A piece of text that has come."""

    attempt: int
    text: str


class _FailedError(Exception):
    """An attempt came to nothing, for a reason that its answer tells."""

    def __init__(self, why: Failure, error: str = "", retry_after_ns: int | None = None) -> None:
        super().__init__(error)
        self.why = why
        self.retry_after_ns = retry_after_ns


News = asyncio.Queue[Token | Result]
Usage = dict[int, tuple[int | None, int | None]]


class Attempts:
    """Makes attempts.

    Args:
        chain: The providers.
        policy: How patient they are.
        reach: Reaches them.
        recorder: Told about each.
        keys: By provider.
    """

    def __init__(self, chain: Chain, policy: Policy, reach: Wire, recorder: Recorder, keys: Mapping[str, str]) -> None:
        self._chain = chain
        self._policy = policy
        self._wire = reach
        self._recorder = recorder
        self._keys = keys

    async def make(self, send: Send, body: Mapping[str, Any], news: News, usage: Usage) -> None:
        """Make one attempt: its tokens and then its result go into `news`.

        Args:
            send: Which.
            body: The caller's.
            news: Takes what happens.
            usage: Takes what it used, by the attempt's number.
        """
        provider = self._chain.providers[send.provider]
        request = outgoing(provider, body, self._keys[send.provider])
        marker = find_request(request.body)
        attempt = self._recorder.begin(send.provider, marker.request_id if marker else None)
        request.headers[ATTEMPT_HEADER] = attempt.key
        status: int | None = None
        try:
            async with asyncio.timeout(send.timeout_ns / 1e9):
                async with asyncio.timeout(self._policy.first_token / 1e9) as patience:
                    incoming = await self._wire.send(send.provider, request)
                    status = incoming.status
                    attempt.answered(status)
                    try:
                        used = await self._read(send, incoming, body, news, patience)
                    finally:
                        incoming.leave()
        except TimeoutError:
            attempt.end("client_left")
            result = Result(send.attempt, "timeout", status, error="nothing came for too long")
        except BrokenError as broken:
            attempt.end(broken.outcome)
            why = _FAILURES.get(broken.outcome, "connection")
            result = Result(send.attempt, why, status, error=broken.outcome)
        except _FailedError as failed:
            attempt.end("ok")
            result = Result(send.attempt, failed.why, status, retry_after_ns=failed.retry_after_ns, error=str(failed))
        except BaseException:
            attempt.abandon()
            raise
        else:
            attempt.end("ok")
            usage[send.attempt] = used
            result = Result(send.attempt, status=status, cost_usd=cost_usd(provider.price, *used) or 0.0)
        news.put_nowait(result)

    async def _read(
        self, send: Send, incoming: Incoming, body: Mapping[str, Any], news: News, patience: asyncio.Timeout
    ) -> tuple[int | None, int | None]:
        if incoming.status >= 300:
            await self._refused(send, incoming)
        kind = {name.lower(): value for name, value in incoming.headers}.get("content-type", "")
        if body["stream"] and kind.startswith("text/event-stream"):
            return await self._stream(send, incoming, news, patience)
        heard = DIALECTS[self._chain.providers[send.provider].dialect].read_body(200, await _whole(incoming))
        if not heard.text:
            raise _FailedError("server_error", "an answer without content")
        patience.reschedule(None)
        news.put_nowait(Token(send.attempt, heard.text))
        return heard.tokens_in, heard.tokens_out

    async def _refused(self, send: Send, incoming: Incoming) -> None:
        heard = DIALECTS[self._chain.providers[send.provider].dialect].read_body(
            incoming.status, await _whole(incoming)
        )
        told = retry_after.read(incoming.headers, 0)
        raise _FailedError(
            failure(incoming.status, heard.error_code),
            heard.error_code or "",
            told if told is not None else heard.retry_after_ns,
        )

    async def _stream(
        self, send: Send, incoming: Incoming, news: News, patience: asyncio.Timeout
    ) -> tuple[int | None, int | None]:
        """Pass a stream's tokens on. It is whole only with a reason why it ended."""
        read = DIALECTS[self._chain.providers[send.provider].dialect].read_event
        rest, finished, said = b"", False, False
        used: tuple[int | None, int | None] = (None, None)
        loop = asyncio.get_running_loop()
        async for data in incoming.body():
            whole, rest = events.split(rest, data)
            for event in whole:
                step = read(event)
                _check(event)
                used = tuple(new if new is not None else old for new, old in zip(billed(event), used, strict=True))  # type: ignore[assignment]
                if step.text:
                    said = True
                    patience.reschedule(loop.time() + self._policy.idle / 1e9)
                    news.put_nowait(Token(send.attempt, step.text))
                finished = finished or step.part in ("finish", "done")
        if not finished:
            raise BrokenError("cut")
        if not said:
            raise _FailedError("server_error", "an answer without content")
        return used


async def _whole(incoming: Incoming) -> bytes:
    return b"".join([data async for data in incoming.body()])


def _check(event: bytes) -> None:
    """Raise where an event is an error, or cannot be read."""
    raw = events.bytes_of(event)
    if not raw or raw == b"[DONE]":
        return
    data = events.as_object(events.load(raw))
    if not data:
        raise BrokenError("malformed")
    if data.get("error") or data.get("type") == "error":
        raise _FailedError("server_error", "an error in the stream")


__all__ = ["Attempt", "Attempts", "Token"]
