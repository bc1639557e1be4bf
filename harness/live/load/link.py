"""Our messages, typed, within Locust's own: between its master and its workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.lines import LINE_BYTES_MAX, write

TYPE = "harness"
"""Type of the custom messages that carry ours."""
PIECE_BYTES = 4 * 2**20
"""Longer messages go in pieces: ZeroMQ holds each in memory as a whole, several times."""


def pieces(line: bytes, size: int = PIECE_BYTES) -> Iterator[tuple[bytes, bool]]:
    """Yield a line in pieces of a size, each with whether more follow."""
    for start in range(0, len(line), size):
        yield line[start : start + size], start + size < len(line)


class Pieces:
    """Puts the pieces from each sender together again.

    Args:
        limit: Returns how many bytes a line of a sender may have; of a longer one nothing is kept.
    """

    def __init__(self, limit: Callable[[str], int] = lambda _sender: LINE_BYTES_MAX) -> None:
        self._limit = limit
        self._parts: dict[str, list[bytes]] = {}

    def add(self, sender: str, piece: bytes, *, more: bool) -> bytes | None:
        """Take a piece; return the line that it completes, or None.

        Raises:
            ValueError: The line is longer than it may be.
        """
        parts = self._parts.setdefault(sender, [])
        parts.append(piece)
        if sum(map(len, parts)) > self._limit(sender):
            del self._parts[sender]
            raise ValueError(f"more than {self._limit(sender)} bytes")
        if more:
            return None
        del self._parts[sender]
        return b"".join(parts)


class Link:
    """Sends and receives our messages over a Locust runner.

    Args:
        runner: A master's or a worker's.
        receive: Takes each line that came, with the id of the node that sent it. It runs in the greenlet that reads the
            socket, so it must not wait.
        limit: See `Pieces`.
    """

    def __init__(
        self,
        runner: Any,
        receive: Callable[[str, bytes], None],
        limit: Callable[[str], int] = lambda _sender: LINE_BYTES_MAX,
    ) -> None:
        self._runner = runner
        self._receive = receive
        self._pieces = Pieces(limit)
        runner.register_message(TYPE, self._take)

    def send(self, message: object, to: str | None = None) -> None:
        """Send a message: to a worker, or, from a worker, to its master."""
        for piece, more in pieces(write(message)):
            self._runner.send_message(TYPE, {"piece": piece, "more": more}, client_id=to)

    def _take(self, msg: Any, **_rest: Any) -> None:
        line = self._pieces.add(msg.node_id, msg.data["piece"], more=msg.data["more"])
        if line is not None:
            self._receive(msg.node_id, line)
