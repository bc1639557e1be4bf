"""One client's connection: requests in, a Player writes the answers.

An unusual request is read by aiohttp's parser alone, without its request and response objects and without a task for each:
an edge that is busy with itself would be measured as a slow provider.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, cast

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser, RawRequestMessage
from aiohttp.streams import StreamReader

from harness.edge.player import Player
from harness.edge.provider_port import Exchange, ProviderPort
from harness.edge.request import EdgeRequest, ordinary, parsed
from harness.history import AttemptOutcome
from harness.provider.reply import Step

BODY_BYTES_MAX = 32 * 2**20
_PIPELINED_MAX = 32
_LINE_BYTES_MAX = 64 * 2**10
_LINGER_S = 2.0
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_PAUSES_PARSER = hasattr(BaseProtocol, "_parser")
"""From aiohttp 3.14 on its protocol holds the parser, and pauses it with the transport."""


class ClientConnection(BaseProtocol):
    """One client at one provider's port."""

    __slots__ = (
        "_connections",
        "_deaf",
        "_exchange",
        "_feed",
        "_ordinary",
        "_player",
        "_port",
        "_requests",
        "_sent_continue",
    )

    def __init__(self, port: ProviderPort, loop: asyncio.AbstractEventLoop, connections: set[ClientConnection]) -> None:
        """Get ready.

        Args:
            port: The provider's.
            loop: Of the transport.
            connections: All that are open; this one adds and removes itself.
        """
        parser: Any = HttpRequestParser(
            self,
            loop,
            BODY_BYTES_MAX,
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_LINE_BYTES_MAX,
            payload_exception=HttpProcessingError,
        )
        if _PAUSES_PARSER:
            super().__init__(loop, parser)
        else:
            super().__init__(loop)
        self._feed = parser.feed_data
        self._port = port
        self._connections = connections
        self._requests: deque[tuple[RawRequestMessage, StreamReader]] = deque()
        self._exchange: Exchange | None = None
        self._player: Player
        self._ordinary = not port.real  # a real provider gets all headers, which only the parser reads
        self._deaf = False
        self._sent_continue = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        super().connection_made(transport)
        self._player = Player(cast("asyncio.Transport", transport), self._loop, self._over_and_on)
        self._connections.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End; an open attempt is recorded as one that its client left."""
        super().connection_lost(exc)
        self._end("client_left")

    def eof_received(self) -> bool:
        """Treat the client as gone, and close.

        A client that has only shut down its own side looks the same on the wire. If the edge went on writing, every client
        that left would be recorded as served, and one that left a silent provider never. Toxiproxy does the same: it closes
        both sides.
        """
        return False

    def end(self) -> None:
        """Close the connection at once, whatever is open: the edge itself ends."""
        transport = self.transport
        self._end("cut")
        if transport is not None:
            transport.abort()

    def _end(self, outcome: AttemptOutcome) -> None:
        self._deaf = True
        self._connections.discard(self)
        if self._exchange is not None:
            if self._exchange.forward is not None:
                self._exchange.forward.cancel()
            self._over(outcome, self._player.stop())

    def pause_writing(self) -> None:
        """Hold the reply: the client does not read."""
        super().pause_writing()
        self._player.pause()

    def resume_writing(self) -> None:
        """Go on with the reply."""
        super().resume_writing()
        self._player.resume()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Read on, if reading was held up at all: every body that is taken asks for it."""
        if self._reading_paused and _PAUSES_PARSER:
            super().resume_reading(resume_parser)
        elif self._reading_paused:
            super().resume_reading()

    def data_received(self, data: bytes) -> None:
        """Read; answer every request that is complete, one after the other."""
        if self._deaf:
            return
        if self._ordinary:
            request = ordinary(data) if self._exchange is None else None
            if request is not None:
                self._take(request)
                return
            self._ordinary = False  # the parser must see all that follows: it may hold the beginning of a request
        try:
            messages, upgraded, _tail = self._feed(data)
        except HttpProcessingError:
            self._refuse()
            return
        if messages:
            self._requests.extend(messages)
        if upgraded or len(self._requests) > _PIPELINED_MAX:
            self._refuse()
            return
        self._answer()

    def _answer(self) -> None:
        while self._requests and self._exchange is None and not self._deaf:
            message, payload = self._requests[0]
            if payload.exception() is not None:
                self._refuse()
                return
            if not payload.is_eof():
                self._wait_for_body(message, payload)
                return
            self._requests.popleft()
            self._sent_continue = False
            self._take(parsed(message, payload.read_nowait()))

    def _take(self, request: EdgeRequest) -> None:
        now_ns = time.monotonic_ns()
        self._exchange = exchange = self._port.take(request, now_ns)
        reply = exchange.forward or exchange.answer.reply
        self._player.start(reply, start_ns=now_ns, keep=request.keep, version_1_0=request.version_1_0)
        if exchange.forward is not None:
            exchange.forward.begin(self._player.more)

    def _wait_for_body(self, message: RawRequestMessage, payload: StreamReader) -> None:
        length = message.headers.get("content-length", "")
        if payload.total_bytes > BODY_BYTES_MAX or (length.isdecimal() and int(length) > BODY_BYTES_MAX):
            now_ns = time.monotonic_ns()
            self._exchange = exchange = self._port.take_too_large(message.headers, now_ns)
            self._player.start(exchange.answer.reply, start_ns=now_ns, keep=False, version_1_0=False)
        elif not self._sent_continue and message.headers.get("expect", "").lower() == "100-continue":
            self._sent_continue = True
            assert self.transport is not None
            self.transport.write(_CONTINUE)

    def _over(self, outcome: AttemptOutcome, unplayed: Sequence[Step] = ()) -> None:
        exchange = self._exchange
        self._exchange = None
        assert exchange is not None
        self._port.record(exchange, outcome, self._player, unplayed)

    def _over_and_on(self, outcome: AttemptOutcome) -> None:
        self._over(outcome)
        if not self._player.keep:
            self._leave()
        elif self._requests:
            self._loop.call_soon(self._answer)

    def _refuse(self) -> None:
        """Answer what is not HTTP by 400; an answer in progress is sent first."""
        if self._exchange is not None:
            self._player.keep = False
            self._deaf = True
        elif self.transport is not None:
            self.transport.write(_BAD_REQUEST)
            self._leave()

    def _leave(self) -> None:
        """Close, but let the client read the answer even if it is still sending."""
        self._deaf = True
        self._requests.clear()
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if transport.can_write_eof():
            transport.write_eof()
        self._loop.call_later(_LINGER_S, transport.close)
