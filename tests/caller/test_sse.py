import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from harness.caller.sse import Event, SseParser

DATA = ["data: a", "data:b", "data:  c", "data", "data: ", "data: é€😀"]
OTHER = ["event: error", "event:x", ": comment", "id: 7", "retry: 10", "unknown: x", ""]
LINES = st.sampled_from(DATA) | st.sampled_from(OTHER)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])
STREAMS = st.lists(st.tuples(LINES, ENDS), max_size=30).map(
    lambda lines: "".join(line + end for line, end in lines).encode()
)


def parse(*pieces: bytes) -> list[Event]:
    """Feed pieces to a new parser."""
    parser = SseParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: one\n\n", [Event("", "one")]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", [Event("", "one"), Event("", "two")]),
        (b"data: one\r\rdata: two\n\n", [Event("", "one"), Event("", "two")]),
        (b"data: one\ndata: two\n\n", [Event("", "one\ntwo")]),
        (b": keep-alive\n\n: again\n\ndata: x\n\n", [Event("", "x")]),
        (b"event: error\ndata: {}\n\ndata: y\n\n", [Event("error", "{}"), Event("", "y")]),
        (b"event: ping\n\ndata: z\n\n", [Event("", "z")]),
        (b"data:  two spaces\n\n", [Event("", " two spaces")]),
        (b"data\n\n", [Event("", "")]),
        (b"\xef\xbb\xbfdata: marked\n\n", [Event("", "marked")]),
        (b"data: cut", []),
        (b"data: cut\n", []),
        (b"\n\n\n", []),
    ],
)
def test_events(stream: bytes, expected: list[Event]) -> None:
    """Streams are cut into events by the HTML standard."""
    assert parse(stream) == expected


@given(STREAMS, st.data())
def test_pieces_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    """However the bytes arrive, the events are the same, but for a last CR that may yet become a CRLF."""
    stream += b"\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*pieces) == parse(stream)
    assert parse(*(bytes([byte]) for byte in stream)) == parse(stream)


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """No bytes break the parser, and cutting them elsewhere changes nothing."""
    assert parse(*pieces, b"\n") == parse(b"".join(pieces) + b"\n")


@given(STREAMS)
def test_the_official_client_cuts_the_same(stream: bytes) -> None:
    """Events with data are those of the official OpenAI client, which also hands on events that carry none."""
    stream = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + b"\n\n"
    theirs = [Event(event.event or "", event.data) for event in SSEDecoder().iter_bytes(iter([stream]))]
    assert [event for event in parse(stream) if event.data] == [event for event in theirs if event.data]
