"""Requests, read the quick way where they are ordinary and by aiohttp's parser where they are not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from aiohttp.http import HttpVersion10, RawRequestMessage

_LINE = re.compile(rb"POST (/[!-~]*) HTTP/1\.1\r\n")
_UNUSUAL = re.compile(
    rb"\r\n(?:transfer-encoding|content-encoding|connection|expect|upgrade)[ \t]*:(?! keep-alive\r\n)"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n")
_ACCEPT = re.compile(rb"\r\naccept:([^\r]*)")
_OURS = b"\r\nx-harness-"


class EdgeRequest(NamedTuple):
    """One request, whole.

    Attributes:
        method: In capitals.
        path: With its query.
        headers: By name, in any case where aiohttp has read them; else only our own and `accept`, in small letters.
        body: As sent, decompressed.
        keep: Whether the client wants the connection kept.
        version_1_0: Whether it speaks HTTP/1.0 only.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    keep: bool
    version_1_0: bool


def ordinary(data: bytes) -> EdgeRequest | None:
    """Return the request if `data` is exactly one, and simple enough to be read without a real parser.

    Nearly every request of a run is: a POST with a content length, in one piece. This costs a third of a full parse.
    """
    end = data.find(b"\r\n\r\n")
    line = _LINE.match(data)
    if end < 0 or line is None:
        return None
    head = data[: end + 2].lower()
    length = _LENGTH.search(head)
    if length is None or len(data) != end + 4 + int(length[1]) or head.count(b"\r\ncontent-length") > 1:
        return None
    if _UNUSUAL.search(head):
        return None
    headers = _our_headers(head, data) if _OURS in head else {}
    if accept := _ACCEPT.search(head):
        headers["accept"] = accept[1].decode("latin-1").strip()
    return EdgeRequest("POST", line[1].decode("ascii"), headers, data[end + 4 :], True, False)  # noqa: FBT003 - a tuple


def _our_headers(head: bytes, data: bytes) -> dict[str, str]:
    """Return the harness's own headers; `head` is the head in small letters, `data` as it was sent."""
    headers: dict[str, str] = {}
    at = head.find(_OURS)
    while at >= 0:
        end = head.index(b"\r\n", at + 2)
        colon = head.find(b":", at, end)
        if colon > 0:
            headers[head[at + 2 : colon].decode("latin-1")] = data[colon + 1 : end].decode("latin-1").strip()
        at = head.find(_OURS, end)
    return headers


def parsed(message: RawRequestMessage, body: bytes) -> EdgeRequest:
    """Return a request that aiohttp has read."""
    return EdgeRequest(
        message.method,
        message.path,
        message.headers,
        body,
        not message.should_close and message.method != "HEAD",
        message.version <= HttpVersion10,
    )
