"""AWS's event streams, beside the parser of AWS's own SDK."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from harness.provider.dialects.aws_events import AWS_EVENTS, AwsEvent, read, with_payload, write, write_headers

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=20)
HEADERS = st.dictionaries(NAMES, TEXT, max_size=4)
HELLO = write(write_headers({":event-type": "chunk", ":message-type": "event"}), b'{"text":"hello"}')


def parsed(data: bytes) -> list[AwsEvent]:
    """Return the messages that AWS's SDK reads."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [AwsEvent(event.headers, event.payload) for event in buffer]


@given(headers=HEADERS, payload=st.binary(max_size=60))
def test_the_sdk_and_we_read_what_we_write(headers: dict[str, str], payload: bytes) -> None:
    """Names, values and payload of any kind."""
    event = write(write_headers(headers), payload)
    assert parsed(event) == [read(event)] == [AwsEvent(headers, payload)]


@given(place=st.integers(0, len(HELLO) - 1), bit=st.integers(0, 7))
def test_a_wrong_checksum_is_no_event(place: int, bit: int) -> None:
    """Wherever one bit is wrong: in the lengths, the headers, the payload, or a checksum."""
    wrong = bytearray(HELLO)
    wrong[place] ^= 1 << bit
    assert read(bytes(wrong)) is None
    assert not AWS_EVENTS.is_event(bytes(wrong))
    with pytest.raises(ChecksumMismatch):
        parsed(bytes(wrong))


@given(payloads=st.lists(st.binary(max_size=30), max_size=4), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_a_stream_is_split_wherever_its_bytes_are(payloads: list[bytes], cuts: list[int]) -> None:
    """Each message comes when its last byte has come, and nothing is lost."""
    whole = [write(write_headers({":event-type": "x"}), payload) for payload in payloads]
    raw = b"".join(whole) + HELLO[:20]
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    found: list[bytes] = []
    rest = b""
    for begin, end in pairwise(edges):
        events, rest = AWS_EVENTS.split(rest, raw[begin:end])
        found += events
    assert (found, rest) == (whole, HELLO[:20])


def test_where_no_message_begins_none_is_found() -> None:
    """All of it is one piece, which is no event."""
    events, rest = AWS_EVENTS.split(b"", HELLO + b"<html>and so on</html>" + HELLO)
    assert (events[0], len(events), rest) == (HELLO, 2, b"")
    assert not AWS_EVENTS.is_event(events[1])


@pytest.mark.parametrize("length", [0, 15, 2**32 - 1])
def test_impossible_lengths_are_refused(length: int) -> None:
    """With right checksums; nothing waits for four gigabytes."""
    lengths = length.to_bytes(4, "big") + bytes(4)
    events, rest = AWS_EVENTS.split(b"", lengths + crc32(lengths).to_bytes(4, "big") + bytes(8))
    assert (len(events), rest) == (1, b"")


@given(garbage=st.binary(max_size=80))
def test_garbage_is_no_event(garbage: bytes) -> None:
    """And raises nothing."""
    assert read(garbage) is None
    assert with_payload(garbage, b"{}") == garbage
    assert AWS_EVENTS.broken(garbage) == garbage
    assert b"".join(AWS_EVENTS.events(garbage)) == garbage


@given(kind=st.integers(0, 255), value=st.binary(max_size=20))
def test_headers_of_any_kind_are_survived(kind: int, value: bytes) -> None:
    """Numbers, times, kinds that do not exist, and headers that are longer than the message has room for."""
    event = write(b"\x04name" + bytes((kind,)) + value, b"{}")
    found = read(event)
    assert found is None or found.payload == b"{}"


def test_a_number_among_the_headers() -> None:
    """It is left out, and the texts after it are read."""
    event = write(b"\x03num\x04\0\0\0\x07" + write_headers({":event-type": "x"}), b"")
    assert read(event) == AwsEvent({":event-type": "x"}, b"")
    assert parsed(event)[0].headers == {"num": 7, ":event-type": "x"}


def test_a_broken_event_is_a_message_still() -> None:
    """Half of its JSON is missing, both checksums are right, and the next message is found."""
    broken = AWS_EVENTS.broken(HELLO)
    assert [event.payload for event in parsed(broken + HELLO)] == [b'{"text":"', b'{"text":"hello"}']
    assert not AWS_EVENTS.is_event(broken)
    assert AWS_EVENTS.is_event(HELLO)


@pytest.mark.parametrize(("payload", "is_event"), [(b"", True), (b"{}", True), (b"[]", False), (b"[" * 200_000, False)])
def test_what_is_an_event(payload: bytes, is_event: bool) -> None:
    """A message with an object, or without content."""
    assert AWS_EVENTS.is_event(write(b"", payload)) is is_event
