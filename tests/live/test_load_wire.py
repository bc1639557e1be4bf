"""What the load makes of each way in which an answer can come, or break off, on a real connection."""

from typing import Any

import pytest

from harness.caller.answer import WRONG_SHAPE
from harness.history.records import RequestRecord
from harness.live.load import connections
from harness.scenario.plan import Arrival
from tests.live.load_child import (
    STREAM_END,
    STREAM_HEAD,
    Answer,
    Server,
    child,
    chunk,
    delta,
    http,
    plain,
    serving,
)

pytestmark = pytest.mark.system

DONE = b"data: [DONE]\n\n"
MID = "connection closed in mid-answer"
BODY = plain("hi").partition(b"\r\n\r\n")[2]

CASES: dict[str, tuple[Answer, bool, tuple[str, int | None, int | None, str | None]]] = {
    # name: what the server does, streaming, (outcome, status, text_chars, error)
    "plain": ([plain("hi")], False, ("ok", 200, 2, None)),
    "created": ([plain("hi").replace(b"200 OK", b"201 Created")], False, ("ok", 201, 2, None)),
    "plain in pieces": ([plain("hi")[:40], 0.05, plain("hi")[40:]], False, ("ok", 200, 2, None)),
    "until the connection closes": ([b"HTTP/1.1 200 OK\r\n\r\n" + BODY], False, ("ok", 200, 2, None)),
    "plain, short of its length": ([http(BODY[:20], length=len(BODY))], False, ("truncated", 200, None, MID)),
    "plain, no body at all": ([http(b"", length=9)], False, ("truncated", 200, None, MID)),
    "plain, chunks unterminated": ([STREAM_HEAD, chunk(BODY)], False, ("truncated", 200, None, MID)),
    "plain, in mid-chunk": ([STREAM_HEAD, chunk(BODY)[:-9]], False, ("truncated", 200, None, MID)),
    "wrong shape": ([http(b'{"id": "x"}')], False, ("error", 200, None, f"{WRONG_SHAPE}: no choices")),
    "no choice": ([http(b'{"choices": []}')], False, ("error", 200, None, f"{WRONG_SHAPE}: no choices")),
    "an empty body": ([http(b"")], False, ("error", 200, None, f"{WRONG_SHAPE}: empty")),
    "a page": ([http(b"<html>Sign in</html>")], False, ("error", 200, None, f"{WRONG_SHAPE}: HTML")),
    "a success that is an error": (
        [http(b'{"error": {"code": "overloaded"}}')],
        False,
        ("error", 200, None, f"{WRONG_SHAPE}: overloaded"),
    ),
    "null content": ([http(BODY.replace(b'"hi"', b"null"))], False, ("ok", 200, 0, "no content")),
    "without end": ([STREAM_HEAD, *[chunk(b" " * 2**20)] * 20], False, ("truncated", 200, None, "HTTPParseError: more than")),
    "a line without end": ([STREAM_HEAD, *[chunk(b"x" * 2**20)] * 20], True, ("truncated", 200, 0, "HTTPParseError: more than")),
    "a page for a stream": ([http(b"<html>Sign in</html>")], True, ("ok", 200, 0, "no event in the stream")),
    "broken JSON": ([http(BODY[:-5])], False, ("error", 200, None, WRONG_SHAPE)),
    "no content": ([b"HTTP/1.1 204 No Content\r\n\r\n"], False, ("error", 204, None, WRONG_SHAPE)),
    "rate limit": (
        [http(b'{"error": {"message": "m", "code": "rate_limit_exceeded"}}', status="429 Too Many Requests")],
        False,
        ("error", 429, None, "429 rate_limit_exceeded"),
    ),
    "redirect": ([http(b"", status="302 Found")], False, ("error", 302, None, "302")),
    "error for a stream": ([http(b"busy", status="503 Busy")], True, ("error", 503, None, "503")),
    "error cut short": ([http(b"{", status="500 Oops", length=99)], False, ("error", 500, None, f"500, {MID}")),
    "closed at once": ([], False, ("error", None, None, "connection closed before an answer")),
    "closed in the head": ([b"HTTP/1.1 200 OK\r\ncontent-"], False, ("error", None, None, "HTTPParseError")),
    "no HTTP": ([b"\xff\xfe\x00 hello\r\n\r\n"], False, ("error", None, None, "HTTPParseError")),
    "odd header": ([plain("hi").replace(b"\r\n\r\n", b"\r\nx: \xff\xfe\r\n\r\n", 1)], False, ("ok", 200, 2, None)),
    "stream": ([STREAM_HEAD, chunk(delta("one") + DONE), STREAM_END], True, ("ok", 200, 3, None)),
    "stream, CRLF": (
        [STREAM_HEAD, chunk((delta("one") + delta("two") + DONE).replace(b"\n", b"\r\n")), STREAM_END],
        True,
        ("ok", 200, 6, None),
    ),
    "stream without [DONE]": ([STREAM_HEAD, chunk(delta("one")), STREAM_END], True, ("ok", 200, 3, None)),
    "stream, nothing": ([STREAM_HEAD, STREAM_END], True, ("ok", 200, 0, "no event in the stream")),
    "stream, in single bytes": (
        [STREAM_HEAD, *[chunk(bytes([byte])) for byte in delta("one") + DONE], STREAM_END],
        True,
        ("ok", 200, 3, None),
    ),
    "stream, in split lines": (
        [STREAM_HEAD, chunk(delta("one").replace(b", ", b",\ndata: ") + b": on it\n\n" + DONE), STREAM_END],
        True,
        ("ok", 200, 3, None),
    ),
    "stream, whole at once": ([http(delta("one") + delta("two") + DONE)], True, ("ok", 200, 6, None)),
    "stream, cut": ([STREAM_HEAD, chunk(delta("one") + delta("two")[:9])], True, ("truncated", 200, 3, MID)),
    "stream, reset": ([STREAM_HEAD, chunk(delta("one")), 0.1, None], True, ("truncated", 200, 3, "connection reset")),
    "reset at once": ([None], False, ("error", None, None, "connection")),
    "stream, cut after [DONE]": ([STREAM_HEAD, chunk(delta("one") + DONE)], True, ("ok", 200, 3, None)),
    "stream, held open after [DONE]": ([STREAM_HEAD, chunk(delta("one") + DONE), 5.0], True, ("ok", 200, 3, None)),
    "stream with an error": (
        [STREAM_HEAD, chunk(delta("one") + b'data: {"error": {"type": "server_error"}}\n\n'), STREAM_END],
        True,
        ("truncated", 200, 3, "error in the stream: server_error"),
    ),
    "stream with an error event": (
        [STREAM_HEAD, chunk(delta("one") + b'event: error\ndata: {"message": "m"}\n\n'), STREAM_END],
        True,
        ("truncated", 200, 3, "error in the stream"),
    ),
    "JSON for a stream": ([plain("hi")], True, ("ok", 200, 0, "no event in the stream")),
    "stream for a plain request": ([STREAM_HEAD, chunk(delta("one") + DONE), STREAM_END], False, ("error", 200, None, WRONG_SHAPE)),
}  # fmt: skip


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RequestRecord]:
    """Return what one run recorded of all cases, by name."""
    names = {f"req-{place:06d}": name for place, name in enumerate(CASES, start=1)}
    arrivals = tuple(
        Arrival(request_id=request_id, scheduled_ns=place * 10**6, phase="p", streaming=CASES[name][1])
        for place, (request_id, name) in enumerate(names.items())
    )

    def answer(request_id: str, _body: dict[str, Any]) -> Answer:
        return CASES[names[request_id]][0]

    with (
        serving(Server(answer)) as server,
        child(tmp_path_factory.mktemp("wire"), server.base_url, arrivals) as load,
    ):
        load.run()
        assert len(server.bodies) == len(CASES)  # none is sent twice
    return {names[record.request_id]: record for record in load.requests()}


@pytest.mark.parametrize("name", CASES)
def test_how_an_answer_is_recorded(records: dict[str, RequestRecord], name: str) -> None:
    """Each way to answer has one outcome: what an OpenAI client would make of it."""
    record = records[name]
    outcome, status, chars, error = CASES[name][2]
    assert (record.outcome, record.status, record.text_chars) == (outcome, status, chars)
    assert (record.error or "").startswith(error or "")
    assert (record.error is None) == (error is None)
    assert record.end_ns is not None
    assert not record.client_left


def test_only_streams_have_a_first_token(records: dict[str, RequestRecord]) -> None:
    """A plain answer comes all at once, and a stream without content has no first token either."""
    with_text = {name for name, (_, streaming, (_, _, chars, _)) in CASES.items() if streaming and chars}
    assert {name for name, record in records.items() if record.first_token_ns is not None} == with_text


def test_an_answer_ends_when_it_is_done(records: dict[str, RequestRecord]) -> None:
    """What a server does with the connection after [DONE] does not lengthen the answer."""
    held = records["stream, held open after [DONE]"]
    assert held.end_ns is not None
    assert held.first_token_ns is not None
    assert held.end_ns - held.first_token_ns < 5 * 10**9  # which is how long the server held it


class Pool:
    """A connection pool that only remembers."""

    def __init__(self) -> None:
        self.given_back: list[object] = []

    def return_socket(self, sock: object) -> None:
        """Take a connection back."""
        self.given_back.append(sock)

    def _is_socket_alive(self, sock: object) -> bool:
        return sock != "dead"


class Sock:
    """Stands for a connection."""


@pytest.mark.parametrize(("idle_ns", "reused"), [(10**12, True), (-1, False)])
def test_connections_are_reused_while_fresh(monkeypatch: pytest.MonkeyPatch, idle_ns: int, reused: bool) -> None:
    """A connection that rested for too long may be about to be closed by the server: it is not used again."""
    monkeypatch.setattr(connections, "IDLE_NS", idle_ns)
    pool, sock = Pool(), Sock()
    connections.keep_recent(pool)
    pool.return_socket(sock)
    assert pool.given_back == [sock]
    assert pool._is_socket_alive(sock) is reused
