"""How an attempt's end is read off its transport."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from harness.chain import Provider
from harness.drivers.recorder import Recorder, read_httpx_error
from harness.history.records import AttemptOutcome, ChainAttempt
from harness.provider.marker import ATTEMPT_HEADER

URL = "http://127.0.0.1:9000/v1/chat/completions"
PROVIDERS = {name: Provider(dialect=name, model="m") for name in ("openai", "anthropic", "gemini")}
BODY = b'{"messages": [{"content": "[[req-000007 tokentok]]"}]}'


def caused(error: Exception, cause: BaseException) -> Exception:
    """Return an error as `raise … from …` leaves it."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "answered", "outcome"),
    [
        (asyncio.CancelledError(), False, "client_left"),
        (httpx.ReadTimeout("", request=None), False, "timeout"),
        (httpx.ConnectTimeout("", request=None), False, "timeout"),
        (caused(httpx.ConnectError(""), OSError(errno.ECONNREFUSED, "")), False, "refused"),
        (caused(httpx.ConnectError(""), ConnectionResetError(errno.ECONNRESET, "")), False, "reset"),
        (caused(httpx.ReadError(""), BrokenPipeError(errno.EPIPE, "")), True, "reset"),
        (httpx.ReadError(""), True, "cut"),
        (httpx.ReadError(""), False, "cut"),
        (httpx.RemoteProtocolError(""), False, "malformed"),
        (httpx.RemoteProtocolError(""), True, "cut"),
    ],
)
def test_an_exception_tells_how_the_attempt_ended(
    error: BaseException, answered: bool, outcome: AttemptOutcome
) -> None:
    """Each of the transport's exceptions is one outcome."""
    assert read_httpx_error(error, answered=answered)[0] == outcome


def test_an_error_names_neither_address_nor_key() -> None:
    """The exception's own words may hold anything, so none of them is kept."""
    cause = OSError(errno.ECONNREFUSED, "sk-planted at 10.1.2.3:99")
    error = caused(httpx.ConnectError("cannot connect to http://10.1.2.3:99 with sk-planted"), cause)

    assert read_httpx_error(error) == ("refused", "ConnectError: Connection refused")


class Body(httpx.AsyncByteStream):
    """A body of given chunks; an exception among them is raised."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    async def aclose(self) -> None:
        """Note that it was closed."""
        self.closed = True


def record(
    body: Body,
    use: Callable[[httpx.AsyncByteStream], Awaitable[object]],
    status: int = 200,
    provider: str = "openai",
) -> tuple[list[ChainAttempt], httpx.Request]:
    """Return the rows of one attempt whose answer is used as told, and the request as it went out."""
    rows: list[ChainAttempt] = []
    request = httpx.Request("POST", URL, content=BODY)

    async def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, stream=body)

    async def run() -> None:
        response = await Recorder(PROVIDERS, {provider: "http://127.0.0.1:9000"}, rows.append).watch(handle)(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        await use(response.stream)

    asyncio.run(run())
    return rows, request


async def read(stream: httpx.AsyncByteStream) -> list[bytes]:
    """Read a body to its end and close it."""
    chunks = [chunk async for chunk in stream]
    await stream.aclose()
    return chunks


async def read_one(stream: httpx.AsyncByteStream) -> None:
    """Read one chunk, then close, as one who leaves."""
    await anext(aiter(stream))
    await stream.aclose()


@pytest.mark.parametrize(
    ("provider", "chunks", "status", "outcome"),
    [
        ("openai", (b"{}",), 200, "ok"),
        ("openai", (b"{}",), 429, "status"),
        ("openai", (b"data: 1\n\n", b"data: [DO", b"NE]\n\n", httpx.ReadError("")), 200, "ok"),
        ("anthropic", (b"event: message_stop\ndata: {}\n\n", httpx.ReadError("")), 200, "ok"),
        ("openai", (b"event: message_stop\ndata: {}\n\n", httpx.ReadError("")), 200, "cut"),
        ("gemini", (b"data: [DONE]\n\n", httpx.ReadError("")), 200, "cut"),
        ("openai", (b'data: {"content": "data: [DONE]"}\n\n', httpx.ReadError("")), 200, "cut"),
        ("openai", (b"data: 1\n\n", httpx.ReadTimeout("")), 200, "timeout"),
    ],
)
def test_a_body_is_one_row(provider: str, chunks: tuple[bytes | Exception, ...], status: int, outcome: str) -> None:
    """The last event of a stream ends the attempt, even where the client never reads on; text that looks so does not."""

    async def use(stream: httpx.AsyncByteStream) -> None:
        try:
            await read(stream)
        except (httpx.ReadError, httpx.ReadTimeout):
            await stream.aclose()

    rows, request = record(Body(*chunks), use, status, provider)

    assert [(row.outcome, row.status, row.provider, row.request_id) for row in rows] == [
        (outcome, status, provider, "req-000007")
    ]
    assert request.headers[ATTEMPT_HEADER] == rows[0].key


@pytest.mark.parametrize(("status", "outcome"), [(200, "client_left"), (500, "status")])
def test_closing_early_is_leaving(status: int, outcome: str) -> None:
    """Who closes a good answer before its end has left; the rest of an error's body interests nobody."""
    body = Body(b"data: 1\n\n", b"data: 2\n\n")

    rows, _request = record(body, read_one, status)

    assert [row.outcome for row in rows] == [outcome]
    assert body.closed


def test_what_passes_is_unchanged() -> None:
    """The recorder hands every chunk on as it is."""
    chunks: list[bytes] = []

    async def use(stream: httpx.AsyncByteStream) -> None:
        chunks.extend(await read(stream))

    record(Body(b"a", b"", b"b"), use)

    assert chunks == [b"a", b"", b"b"]


def test_what_is_under_way_at_the_end_is_written() -> None:
    """An attempt that nobody ended is a row all the same."""
    rows: list[ChainAttempt] = []

    async def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Body(b"a"))

    async def run() -> None:
        recorder = Recorder(PROVIDERS, {"openai": "http://127.0.0.1:9000"}, rows.append)
        response = await recorder.watch(handle)(httpx.Request("POST", URL))
        recorder.close()
        del response

    asyncio.run(run())

    assert [(row.outcome, row.request_id) for row in rows] == [("client_left", None)]


def test_a_stranger_is_not_called() -> None:
    """A host and port that no provider has is refused before anything leaves."""
    called: list[httpx.Request] = []
    rows: list[ChainAttempt] = []

    async def handle(request: httpx.Request) -> httpx.Response:
        called.append(request)
        return httpx.Response(200)

    watched = Recorder(PROVIDERS, {"openai": "http://127.0.0.1:9000"}, rows.append).watch(handle)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(_send(watched, httpx.Request("POST", "http://127.0.0.1:9001/")))

    assert called == []
    assert rows == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_only_a_post_is_an_attempt(method: str) -> None:
    """Anything else reaches the provider as it is: the edge records none of it, so a row would have no other half."""
    sent: list[httpx.Request] = []
    rows: list[ChainAttempt] = []

    async def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, stream=Body(b"{}"))

    recorder = Recorder(PROVIDERS, {"openai": "http://127.0.0.1:9000"}, rows.append)
    asyncio.run(_send(recorder.watch(handle), httpx.Request(method, "http://127.0.0.1:9000/v1/models")))
    recorder.close()

    assert [request.method for request in sent] == [method]
    assert ATTEMPT_HEADER not in sent[0].headers
    assert rows == []


async def _send(handle: Callable[[httpx.Request], Awaitable[httpx.Response]], request: httpx.Request) -> None:
    await handle(request)
