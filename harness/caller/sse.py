"""Server-sent events, from bytes in whatever pieces they come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream.

    Attributes:
        name: Its `event` field; empty where it has none.
        data: Its `data` lines, joined by line feeds.
    """

    name: str
    data: str


class SseParser:
    """Cuts a byte stream into events, by the rules of the HTML standard.

    Lines end in LF, CRLF or CR; comments and unknown fields are left out; an event without data is none, and neither
    is one that the stream's end cut short.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []
        self._first = True

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete."""
        self._rest += data
        events = []
        for line in self._lines():
            event = self._take(line)
            if event is not None:
                events.append(event)
        return events

    def _lines(self) -> list[bytes]:
        """Return the complete lines. A CR at the very end waits: an LF that belongs to it may follow."""
        if b"\r" not in self._rest:
            lines = self._rest.split(b"\n")
            self._rest = lines.pop()
            return lines
        held = b"\r" if self._rest.endswith(b"\r") else b""
        whole = self._rest[: len(self._rest) - len(held)]
        lines = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        return lines

    def _take(self, line: bytes) -> Event | None:
        text = line.decode("utf-8", "replace")
        if self._first:
            self._first = False
            text = text.removeprefix("\ufeff")
        if not text:
            name, data = self._name, self._data
            self._name, self._data = "", []
            return Event(name, "\n".join(data)) if data else None
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        return None
