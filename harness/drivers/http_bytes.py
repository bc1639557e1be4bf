"""HTTP/1.1 as a connection carries it: where requests and answers begin and end, without a library's objects.

Requests on one connection do not overlap: no client library sends the next one before it has read the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from harness.http_rules import has_body

HEAD_BYTES_MAX = 256 * 1024
"""How long a head may be before it is taken for something that is not HTTP."""
_END = b"\r\n\r\n"


class MalformedError(ValueError):
    """Bytes that are not HTTP/1.1."""


class RequestHead(NamedTuple):
    """The first part of a request.

    Attributes:
        method: In capitals.
        path: With its query.
        headers: Names in small letters.
        size: How many bytes it takes, with the empty line.
    """

    method: str
    path: str
    headers: dict[str, str]
    size: int


def request_head(data: bytes | bytearray) -> RequestHead | None:
    """Return the head at the beginning of `data`; None if it has not come whole.

    Raises:
        MalformedError: It is none.
    """
    end = data.find(_END)
    if end < 0:
        if len(data) > HEAD_BYTES_MAX:
            raise MalformedError("a head without end")
        return None
    first, *lines = bytes(data[:end]).decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    path, _, version = rest.rpartition(" ")
    if not path or not version.startswith("HTTP/1."):
        raise MalformedError("no request line")
    return RequestHead(method, path, _headers(lines), end + len(_END))


class RequestReader:
    """Reads the requests that one connection sends.

    Args:
        began: Called with each head; returns header lines to add to it, each with its line end.
        ended: Called with each body once it has been sent whole.
    """

    def __init__(self, began: Callable[[RequestHead], bytes], ended: Callable[[bytes], None]) -> None:
        self._began = began
        self._ended = ended
        self._head = bytearray()
        self._body = bytearray()
        self._chunks: _Chunks | None = None
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """Read what is sent, and return what is to be sent in its place.

        Raises:
            MalformedError: It is not HTTP/1.1.
        """
        out = []
        while data:
            if self._left:
                piece, data = data[: self._left], data[self._left :]
                self._left -= len(piece)
                self._body += piece
                out.append(piece)
                if not self._left:
                    self._finish()
            elif self._chunks is not None:
                self._body += self._chunks.feed(data)
                rest = self._chunks.rest
                out.append(data[: len(data) - len(rest)])
                data = rest
                if self._chunks.over:
                    self._finish()
            else:
                self._head += data
                data = b""
                head = request_head(self._head)
                if head is not None:
                    added = self._began(head)
                    out.append(bytes(self._head[: head.size - 2]) + added + b"\r\n")
                    data = bytes(self._head[head.size :])
                    self._head.clear()
                    self._begin(head)
        return b"".join(out)

    def _begin(self, head: RequestHead) -> None:
        if head.headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._chunks = _Chunks()
            return
        self._left = _length(head.headers) or 0
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        body = bytes(self._body)
        self._body.clear()
        self._chunks = None
        self._ended(body)


class _Chunks:
    """Takes the framing off a chunked body.

    Attributes:
        over: The body has come whole.
        rest: What came after its end.
    """

    __slots__ = ("_left", "_line", "_stage", "over", "rest")

    def __init__(self) -> None:
        self._stage: Literal["size", "data", "data end", "trailer"] = "size"
        self._line = bytearray()
        self._left = 0
        self.over = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """Return what of the body is in `data`.

        Raises:
            MalformedError: It is no chunked body.
        """
        found = []
        at = 0
        while at < len(data) and not self.over:
            if self._stage == "data":
                piece = data[at : at + self._left]
                found.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if not self._left:
                    self._stage = "data end"
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._line += data[at:]
                at = len(data)
                if len(self._line) > HEAD_BYTES_MAX:
                    raise MalformedError("a chunk without a size")
                break
            self._line += data[at : end + 1]
            at = end + 1
            line = bytes(self._line).strip()
            self._line.clear()
            self._take(line)
        self.rest = data[at:]
        return b"".join(found)

    def _take(self, line: bytes) -> None:
        if self._stage == "data end":
            if line:
                raise MalformedError("a chunk longer than its size")
            self._stage = "size"
        elif self._stage == "size":
            try:
                self._left = int(line.partition(b";")[0], 16)
            except ValueError:
                raise MalformedError("a chunk without a size") from None
            self._stage = "data" if self._left else "trailer"
        elif not line:
            self.over = True


class AnswerReader:
    """Reads one answer as it comes.

    Args:
        method: Of its request.

    Attributes:
        status: Of its headers; None before they have come.
        over: It has come whole.
    """

    __slots__ = ("_chunks", "_head", "_left", "_method", "over", "status")

    def __init__(self, method: str) -> None:
        self._method = method
        self._head: bytearray | None = bytearray()
        self._chunks: _Chunks | None = None
        self._left: int | None = None
        self.status: int | None = None
        self.over = False

    def feed(self, data: bytes) -> bytes:
        """Return what of the body is in `data`.

        Raises:
            MalformedError: It is not HTTP/1.1.
        """
        while self._head is not None:
            self._head += data
            end = self._head.find(_END)
            if end < 0:
                if len(self._head) > HEAD_BYTES_MAX or not b"HTTP/1.".startswith(self._head[:7]):
                    raise MalformedError("no status line")
                return b""
            data = bytes(self._head[end + len(_END) :])
            status, headers = _answer_head(bytes(self._head[:end]))
            self._head = bytearray() if 100 <= status < 200 else None
            if self._head is None:
                self._begin(status, headers)
            elif not data:
                return b""
        return self._body(data)

    def end(self) -> bool:
        """Take note that the connection has ended; return whether the answer has with it."""
        if self.status is not None and self._chunks is None and self._left is None:
            self.over = True
        return self.over

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        if self._method == "HEAD" or not has_body(status):
            self.over = True
        elif headers.get("transfer-encoding", "").lower().endswith("chunked"):
            self._chunks = _Chunks()
        else:
            self._left = _length(headers)
            self.over = self._left == 0

    def _body(self, data: bytes) -> bytes:
        if self.over:
            return b""
        if self._chunks is not None:
            data = self._chunks.feed(data)
            self.over = self._chunks.over
        elif self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            self.over = not self._left
        return data


def _answer_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdecimal():
        raise MalformedError("no status line")
    return int(rest[:3]), _headers(lines)


def _headers(lines: list[str]) -> dict[str, str]:
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedError("a header without a colon")
        headers[name.strip().lower()] = value.strip()
    return headers


def _length(headers: dict[str, str]) -> int | None:
    text = headers.get("content-length")
    if text is None:
        return None
    if not text.isdecimal():
        raise MalformedError("a content length that is no number")
    return int(text)
