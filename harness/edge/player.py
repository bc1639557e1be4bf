"""A Reply played on a socket."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import NamedTuple

from harness.history import AttemptOutcome
from harness.http_rules import has_body
from harness.provider.answer import outcome
from harness.provider.reply import Close, End, Hang, Head, Reset, Send, Step, Wait

_FLUSH_BYTES = 64 * 1024
_NO_LINGER = struct.pack("ii", 1, 0)
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {529: "Overloaded"}
_STATUS_LINES = {status: f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n" for status in range(100, 600)}


class AnswerFraming(NamedTuple):
    """How an answer's body is framed on a connection.

    Attributes:
        chunked: In chunks.
        bare: There is none, whatever the reply holds.
        keep: The connection is kept after it.
    """

    chunked: bool
    bare: bool
    keep: bool

    def body(self, data: bytes) -> bytes:
        """Return bytes of the body as they leave."""
        if self.bare:
            return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data

    def end(self) -> bytes:
        """Return what leaves at the body's proper end."""
        return b"0\r\n\r\n" if self.chunked else b""


def framed(head: Head, *, keep: bool, version_1_0: bool) -> tuple[bytes, AnswerFraming]:
    """Return an answer's head as bytes, and how its body is framed.

    Args:
        head: Status and headers.
        keep: Whether the client wants the connection kept.
        version_1_0: Whether the client speaks HTTP/1.0 only, which has no chunks.
    """
    bare = not has_body(head.status)
    chunked = False
    lines = [_STATUS_LINES[head.status]]
    sized = bare
    for name, value in head.headers:
        if name != "content-length" or not bare:
            lines.append(f"{name}: {value}\r\n")
            sized = sized or name == "content-length"
    if not sized:
        if version_1_0:
            keep = False
        else:
            chunked = True
            lines.append("transfer-encoding: chunked\r\n")
    if not keep:
        lines.append("connection: close\r\n")
    elif version_1_0:
        lines.append("connection: keep-alive\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1"), AnswerFraming(chunked, bare, keep)


UNFRAMED = AnswerFraming(chunked=False, bare=False, keep=True)


class Player:
    """Plays replies on one connection, one after the other.

    Steps without a wait between them leave in one write. A wait counts from when the one before it was due, not from when
    it woke up, so that a long stream does not drift. A client that does not read delays its own reply alone. A step that
    has not come yet is None: the steps before it leave, and `more` continues. An answer whose status has no body
    is sent without one.

    Attributes:
        status: Of the latest reply's headers, once they have left.
        first_byte_ns: When the first byte left, in monotonic nanoseconds.
        end_ns: Just before the last byte was written, or when the connection was gone.
        keep: Whether the connection can carry another exchange when this one is over.
    """

    __slots__ = (
        "_done",
        "_due_ns",
        "_framing",
        "_loop",
        "_out",
        "_paused",
        "_size",
        "_starved",
        "_steps",
        "_timer",
        "_transport",
        "_version_1_0",
        "end_ns",
        "first_byte_ns",
        "keep",
        "status",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        done: Callable[[AttemptOutcome], None],
    ) -> None:
        """Get ready.

        Args:
            transport: Where to play.
            loop: The transport's.
            done: Called when the last step of a reply is played; not when `stop` came first.
        """
        self._transport = transport
        self._loop = loop
        self._done = done
        self._steps: Iterator[Step | None] = iter(())
        self._starved = False
        self._due_ns = 0
        self._version_1_0 = False
        self._framing = UNFRAMED
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._out: list[bytes] = []
        self._size = 0
        self.keep = True
        self.status: int | None = None
        self.first_byte_ns: int | None = None
        self.end_ns: int | None = None

    def start(self, reply: Iterable[Step | None], *, start_ns: int, keep: bool, version_1_0: bool) -> None:
        """Play a reply from its beginning.

        Args:
            reply: What to play.
            start_ns: Where the first wait counts from, in monotonic nanoseconds.
            keep: Whether the client wants the connection kept.
            version_1_0: Whether the client speaks HTTP/1.0 only, which has no chunks.
        """
        self._steps = iter(reply)
        self._due_ns = start_ns
        self._version_1_0 = version_1_0
        self._framing = UNFRAMED
        self._starved = False
        self.keep = keep
        self.status = self.first_byte_ns = self.end_ns = None
        if not self._paused:
            self._play()

    def _play(self) -> None:
        out = self._out
        for step in self._steps:
            if isinstance(step, Send):
                if self._framing.bare:
                    continue
                out.append(self._framing.body(step.data))
                self._size += len(step.data)
                if self._size > _FLUSH_BYTES:
                    self._flush()
                    if self._paused:
                        return
            elif isinstance(step, Wait):
                self._due_ns += step.ns
                if self._due_ns > time.monotonic_ns():
                    self._flush()
                    self._timer = self._loop.call_at(self._due_ns / 1e9, self._wake)
                    return
            elif isinstance(step, Head):
                out.append(self._head(step))
            elif step is None:
                self._starved = True
                self._flush()
                return
            else:
                self._finish(step)
                return

    def _wake(self) -> None:
        self._timer = None
        if not self._paused:
            self._play()

    def more(self) -> None:
        """Continue: a step has come that was missing when it was due. Waits after it count from now on."""
        if self._starved and not self._paused:
            self._starved = False
            self._due_ns = max(self._due_ns, time.monotonic_ns())
            self._play()

    def pause(self) -> None:
        """Hold the next steps back: the client does not read what was sent."""
        self._paused = True

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        if self._starved:
            self.more()
        elif self._timer is None:
            self._play()

    def stop(self) -> list[Step]:
        """Stop: the connection is gone, or is about to be. Return the steps that will never be played."""
        self.end_ns = time.monotonic_ns()
        unplayed = [step for step in self._steps if step is not None]
        if self._timer is not None:
            self._timer.cancel()
        return unplayed

    def _finish(self, step: End | Close | Reset | Hang) -> None:
        if isinstance(step, End) and self._framing.chunked:
            self._out.append(self._framing.end())
        self.end_ns = self._flush()
        if isinstance(step, Hang):
            return
        if not isinstance(step, End):
            self.keep = False
        if isinstance(step, Reset):
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()  # without lingering, the kernel sends RST
        self._done(outcome(self.status, step))

    def _head(self, head: Head) -> bytes:
        self.status = head.status
        data, self._framing = framed(head, keep=self.keep, version_1_0=self._version_1_0)
        self.keep = self._framing.keep
        return data

    def _flush(self) -> int:
        """Write what has gathered; return when, in monotonic nanoseconds."""
        now_ns = time.monotonic_ns()
        if self._out:
            if self.first_byte_ns is None:
                self.first_byte_ns = now_ns
            self._transport.write(b"".join(self._out))
            self._out.clear()
            self._size = 0
        return now_ns
