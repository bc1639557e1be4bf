"""AWS's event streams: messages of named headers and a payload, with a checksum of the lengths and one of everything.

The format is described in Smithy's `application/vnd.amazon.eventstream`. All numbers are big-endian:

    total length (4) | length of the headers (4) | CRC32 of these 8 bytes (4) | headers | payload | CRC32 of all before it (4)

A header is the length of its name (1), the name, the type of its value (1), and the value. Type 7 is a text after its
length (2); AWS's own headers, such as `:event-type`, are texts.
"""

from __future__ import annotations

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from zlib import crc32

from harness.provider.dialects.framing import AWS_EVENTS_TYPE, Framing, half

_PRELUDE = struct.Struct("!III")
_CHECKSUM = struct.Struct("!I")
_LENGTH = struct.Struct("!H")
_TEXT = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of a value of each fixed type: true, false, four integers, a time, a UUID."""
_WITH_LENGTH = (6, _TEXT)
_OVERHEAD = _PRELUDE.size + _CHECKSUM.size
_BYTES_MAX = 25 * 2**20
"""More than a message may have: botocore takes payloads of up to 24 MiB."""


class AwsEvent(NamedTuple):
    """One message of a stream.

    Attributes:
        headers: The texts among them; others are left out.
        payload: Its content.
    """

    headers: Mapping[str, str]
    payload: bytes


def write_headers(headers: Mapping[str, str]) -> bytes:
    """Return headers as they are sent."""
    return b"".join(
        bytes((len(name),)) + name.encode() + bytes((_TEXT,)) + _LENGTH.pack(len(value.encode())) + value.encode()
        for name, value in headers.items()
    )


def write(headers: bytes, payload: bytes) -> bytes:
    """Return a message, given its headers as they are sent."""
    lengths = struct.pack("!II", _OVERHEAD + len(headers) + len(payload), len(headers))
    body = b"".join((lengths, _CHECKSUM.pack(crc32(lengths)), headers, payload))
    return body + _CHECKSUM.pack(crc32(body))


def read(event: bytes) -> AwsEvent | None:
    """Return a message; None if it is not one whole message with both checksums right."""
    headers = _headers_of(event)
    if headers is None:
        return None
    found: dict[str, str] = {}
    at = 0
    while at < len(headers):
        try:
            name, kind, value, at = _header(headers, at)
        except (IndexError, KeyError, struct.error, UnicodeDecodeError):
            return None
        if kind == _TEXT:
            found[name] = value.decode("utf-8", "replace")
    return AwsEvent(found, event[_PRELUDE.size + len(headers) : -_CHECKSUM.size])


def _headers_of(event: bytes) -> bytes | None:
    """Return the bytes of a message's headers; None if it is not one whole message."""
    length = _length(event)
    if length is None or length != len(event):
        return None
    if _CHECKSUM.unpack_from(event, length - _CHECKSUM.size)[0] != crc32(event[: -_CHECKSUM.size]):
        return None
    size = _PRELUDE.unpack_from(event)[1]
    return event[_PRELUDE.size : _PRELUDE.size + size] if size <= length - _OVERHEAD else None


def _header(headers: bytes, at: int) -> tuple[str, int, bytes, int]:
    """Return the name, the type and the value of the header that begins at a place, and where the next one begins."""
    kind_at = at + 1 + headers[at]
    name, kind = headers[at + 1 : kind_at].decode(), headers[kind_at]
    begin = kind_at + 1
    if kind in _WITH_LENGTH:
        size = _LENGTH.unpack_from(headers, begin)[0]
        begin += _LENGTH.size
    else:
        size = _SIZES[kind]
    if begin + size > len(headers):
        raise IndexError(begin + size)
    return name, kind, headers[begin : begin + size], begin + size


def with_payload(event: bytes, payload: bytes) -> bytes:
    """Return a message with another payload; as it is if it is none."""
    headers = _headers_of(event)
    return event if headers is None else write(headers, payload)


def _length(data: bytes, at: int = 0) -> int | None:
    """Return the length of the message that begins at a place; None if none does."""
    if len(data) - at < _PRELUDE.size:
        return None
    length, _, checksum = _PRELUDE.unpack_from(data, at)
    if checksum != crc32(data[at : at + 8]) or not _OVERHEAD <= length <= _BYTES_MAX:
        return None
    return int(length)


def _split(rest: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole messages and the rest. Where no message begins, no later one can be found: all of it is one piece."""
    text = rest + data
    events: list[bytes] = []
    at = 0
    while len(text) - at >= _PRELUDE.size:
        length = _length(text, at)
        if length is None:
            return [*events, text[at:]], b""
        if len(text) - at < length:
            break
        events.append(text[at : at + length])
        at += length
    return events, text[at:]


def _is_event(event: bytes) -> bool:
    read_event = read(event)
    if read_event is None:
        return False
    try:
        return not read_event.payload or isinstance(json.loads(read_event.payload), dict)
    except (ValueError, RecursionError):
        return False


def _broken(event: bytes) -> bytes:
    """Return a message with half of its JSON, and with right checksums.

    A broken connection never shows as a wrong checksum: TCP has its own. What is broken here is what the provider wrote.
    """
    *before, last = _split(b"", event)[0] or [event]
    whole = read(last)
    return event if whole is None else b"".join(before) + with_payload(last, half(whole.payload))


def _changed(event: bytes, change: Callable[[Any], Any]) -> bytes:
    """Return a message with its JSON changed; that of an event of InvokeModel is base64 within it."""
    whole = read(event)
    if whole is None:
        return event
    data = _loaded(whole.payload)
    wrapped = data.get("bytes")
    try:
        inner = _loaded(b64decode(wrapped, validate=True)) if isinstance(wrapped, str) else data
    except ValueError:
        return event
    made = change(inner)
    if made == inner:
        return event
    text = json.dumps(made, separators=(",", ":")).encode()
    if inner is not data:
        text = json.dumps({**data, "bytes": b64encode(text).decode()}).encode()
    return with_payload(event, text)


def _loaded(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


AWS_EVENTS = Framing(AWS_EVENTS_TYPE, _split, _is_event, _broken, _changed)
