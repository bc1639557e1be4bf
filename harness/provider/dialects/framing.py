"""How the body of a stream is divided into events: server-sent events, or lines of JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from harness.provider.dialects import wire


class Framing(NamedTuple):
    """How a dialect's streams are divided into events.

    Attributes:
        media_type: Of a stream, as in its Content-Type.
        split: Returns the complete events and the rest, given the rest of the last call and the bytes since then.
        is_event: Returns whether bytes are an event that a client can read.
        broken: Returns an event with half of its JSON missing; the events after it can still be found.
        changed: Returns an event with its JSON changed by a function; as it is where the function changes nothing.
    """

    media_type: str
    split: Callable[[bytes, bytes], tuple[list[bytes], bytes]]
    is_event: Callable[[bytes], bool]
    broken: Callable[[bytes], bytes]
    changed: Callable[[bytes, Callable[[Any], Any]], bytes]

    def events(self, data: bytes) -> list[bytes]:
        """Return all events of some bytes; what follows the last whole one is an event too."""
        events, rest = self.split(b"", data)
        return [*events, rest] if rest else events


def half(data: bytes) -> bytes:
    """Return half of a JSON text, the odd byte included."""
    return data[: len(data) // 2 + 1]


def _broken_event(event: bytes) -> bytes:
    before, mark, data = event.rstrip().rpartition(b"data:")
    return before + mark + half(data) + b"\n\n"


def _changed_event(event: bytes, change: Callable[[Any], Any]) -> bytes:
    data = wire.data_of(event)
    made = change(data)
    return event if made == data else wire.with_data(event, made)


def _changed_line(event: bytes, change: Callable[[Any], Any]) -> bytes:
    data = wire.load(event)
    made = change(data)
    return event if made == data else json.dumps(made, separators=(",", ":")).encode() + b"\n"


def _lines(rest: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    *lines, rest = (rest + data).split(b"\n")
    return [line + b"\n" for line in lines], rest


def _is_line(event: bytes) -> bool:
    try:
        return not event.strip() or isinstance(json.loads(event), dict)
    except (ValueError, RecursionError):
        return False


def _broken_line(event: bytes) -> bytes:
    return half(event.rstrip()) + b"\n"


SERVER_SENT = Framing("text/event-stream", wire.split, wire.is_event, _broken_event, _changed_event)
LINES = Framing("application/x-ndjson", _lines, _is_line, _broken_line, _changed_line)
_PIECE = re.compile(rb"\{[^\n]*\n|(?!\{).*?(?:\r\n\r\n|\n\n|\r\r|\n\r\n)", re.DOTALL)
"""A line of JSON, or an event with its blank line."""


def _events_or_lines(rest: bytes, data: bytes) -> tuple[list[bytes], bytes]:
    text = rest + data
    events: list[bytes] = []
    begin = 0
    while found := _PIECE.match(text, begin):
        events.append(found[0])
        begin = found.end()
    return events, text[begin:]


EVENTS_OR_LINES = Framing(
    SERVER_SENT.media_type,
    _events_or_lines,
    lambda event: (LINES if event[:1] == b"{" else SERVER_SENT).is_event(event),
    lambda event: (LINES if event[:1] == b"{" else SERVER_SENT).broken(event),
    lambda event, change: (LINES if event[:1] == b"{" else SERVER_SENT).changed(event, change),
)
AWS_EVENTS_TYPE = "application/vnd.amazon.eventstream"

COHERE_LINES_TYPE = "application/stream+json"

_MEDIA_TYPES = (SERVER_SENT.media_type, LINES.media_type, AWS_EVENTS_TYPE, COHERE_LINES_TYPE)


def is_stream(content_type: str) -> bool:
    """Return whether a body with this Content-Type is a stream of events."""
    return content_type.startswith(_MEDIA_TYPES)
