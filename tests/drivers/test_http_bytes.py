"""Requests and answers are found in a connection's bytes, however they are cut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.drivers.http_bytes import AnswerReader, MalformedError, RequestHead, RequestReader, request_head

HEAD = b"POST /v1/chat?beta=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
REQUESTS = {
    "sized": HEAD + b"Content-Length: 5\r\n\r\nhello",
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
}
ANSWERS = {
    "sized": (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", b"hello", True),
    "chunked": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    "after a 100": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\ncontent-length: 1\r\n\r\n!", b"!", True),
    "with trailers": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n", b"a", True),
    "without a body": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "cut": (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nl", b"hel", False),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nhello", b"hello", False),
}


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Yield data, cut at places."""
    places = [0, *sorted({cut % len(data) for cut in cuts}), len(data)]
    for begin, end in pairwise(places):
        yield data[begin:end]


CUTS = st.lists(st.integers(0, 300), max_size=8)


@pytest.mark.parametrize("name", REQUESTS)
@given(cuts=CUTS)
def test_a_request_gets_its_header_and_loses_nothing(name: str, cuts: list[int]) -> None:
    """Two requests on one connection, in any pieces."""
    heads: list[RequestHead] = []
    bodies: list[bytes] = []

    def began(head: RequestHead) -> bytes:
        heads.append(head)
        return b"x-harness-attempt: a-1\r\n"

    reader = RequestReader(began, bodies.append)
    sent = b"".join(reader.feed(piece) for piece in pieces(REQUESTS[name] * 2, cuts))

    head, _, rest = REQUESTS[name].partition(b"\r\n\r\n")
    assert sent == (head + b"\r\nx-harness-attempt: a-1\r\n\r\n" + rest) * 2
    assert [(each.method, each.path) for each in heads] == [("POST", "/v1/chat?beta=1")] * 2
    assert bodies == [b"hello"] * 2


@pytest.mark.parametrize("name", ANSWERS)
@given(cuts=CUTS)
def test_an_answer_is_read_to_its_end(name: str, cuts: list[int]) -> None:
    """Its status, its body without framing, and whether it came whole, in any pieces."""
    data, body, over = ANSWERS[name]
    reader = AnswerReader("POST")

    read = b"".join(reader.feed(piece) for piece in pieces(data, cuts))

    assert (read, reader.over) == (body, over)
    assert reader.status in {200, 204, 503}


def test_only_an_answer_without_a_length_ends_with_its_connection() -> None:
    """All others are cut."""
    ends = {}
    for name, (data, _body, _over) in ANSWERS.items():
        reader = AnswerReader("POST")
        reader.feed(data)
        ends[name] = reader.end()
    assert [name for name, whole in ends.items() if not whole] == ["cut"]


def test_an_answer_to_head_has_no_body() -> None:
    """Whatever length it gives."""
    reader = AnswerReader("HEAD")
    reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    assert reader.over


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ],
)
def test_what_is_no_answer_is_named(data: bytes) -> None:
    """Instead of being taken for one."""
    with pytest.raises(MalformedError):
        AnswerReader("POST").feed(data)


@pytest.mark.parametrize("data", [b"HELO\r\n\r\n", b"GET /\r\n\r\n", b"x" * 300_000])
def test_what_is_no_request_is_named(data: bytes) -> None:
    """A connection may carry anything."""
    with pytest.raises(MalformedError):
        request_head(data)
