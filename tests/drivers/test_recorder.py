"""How an attempt's end is read off its connection, whatever library uses it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.chain import Provider
from harness.drivers.recorder import Recorder, working_on
from harness.drivers.watched import watched
from harness.history.records import ChainAttempt
from harness.provider.marker import ATTEMPT_HEADER

PROVIDERS = {name: Provider(dialect=name, model="m") for name in ("openai", "anthropic", "gemini")}
BODY = b'{"messages": [{"content": "[[req-000007 tokentok]]"}]}'
OK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
RESET = b"reset"

Use = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[object]]


def chunk(data: bytes) -> bytes:
    """Return a piece of a body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


async def whole(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read until the other side closes."""
    with contextlib.suppress(ConnectionError):
        await reader.read()


async def first(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read something, then leave."""
    await reader.readuntil(b"\r\n\r\n")


async def impatient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait for more than comes, and close while the timeout is handled, as every library does."""
    try:
        async with asyncio.timeout(0.05):
            await reader.read()
    except TimeoutError:
        writer.close()


def recorded(
    answer: tuple[bytes, ...],
    use: Use = whole,
    *,
    provider: str = "openai",
    method: str = "POST",
    waits: bool = False,
) -> tuple[list[ChainAttempt], bytes]:
    """Return the rows of one exchange, and what the provider received.

    Args:
        answer: What the provider sends, in pieces, before it closes; `RESET` resets instead.
        use: What the client does with it.
        provider: Whose it is.
        method: Of the request.
        waits: The provider waits for the client to leave before it closes.
    """
    rows: list[ChainAttempt] = []
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"\r\n\r\n"))
        received.extend(await reader.readexactly(len(BODY)))
        for piece in answer:
            if piece == RESET:
                await asyncio.sleep(0.01)
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                writer.transport.abort()
                return
            writer.write(piece)
            await asyncio.sleep(0)
        if waits:
            await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        recorder = Recorder(PROVIDERS, {provider: f"http://127.0.0.1:{port}"}, rows.append)
        async with server:
            with watched(recorder):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(f"{method} /v1 HTTP/1.1\r\nhost: x\r\ncontent-length: {len(BODY)}\r\n\r\n".encode())
                writer.write(BODY)
                await use(reader, writer)
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()
            recorder.close()

    asyncio.run(run())
    return rows, bytes(received)


@pytest.mark.parametrize(
    ("provider", "answer", "outcome", "status"),
    [
        ("openai", (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",), "ok", 200),
        ("openai", (b"HTTP/1.1 429 No\r\ncontent-length: 2\r\n\r\n{}",), "status", 429),
        ("openai", (OK, chunk(b"data: 1\n\n"), END), "ok", 200),
        ("openai", (OK, chunk(b"data: 1\n\n"), chunk(b"data: [DO"), chunk(b"NE]\n\n"), RESET), "ok", 200),
        ("anthropic", (OK, chunk(b"event: message_stop\ndata: {}\n\n")), "ok", 200),
        ("openai", (OK, chunk(b"event: message_stop\ndata: {}\n\n")), "cut", 200),
        ("gemini", (OK, chunk(b"data: [DONE]\n\n")), "cut", 200),
        ("openai", (OK, chunk(b'data: {"content": "data: [DONE]"}\n\n')), "cut", 200),
        ("openai", (OK, chunk(b"data: 1\n\n"), RESET), "reset", 200),
        ("openai", (), "cut", None),
        ("openai", (RESET,), "reset", None),
        ("openai", (b"220 mail ready\r\n\r\n",), "malformed", None),
        ("openai", (OK, b"zz\r\n"), "malformed", 200),
        ("openai", (b"HTTP/1.1 200 OK\r\n\r\n{}",), "ok", 200),
    ],
)
def test_an_exchange_is_one_row(provider: str, answer: tuple[bytes, ...], outcome: str, status: int | None) -> None:
    """The last event of a stream ends the attempt, even where more is owed; text that looks so does not."""
    rows, received = recorded(answer, provider=provider)

    assert [(row.outcome, row.status, row.provider, row.request_id) for row in rows] == [
        (outcome, status, provider, "req-000007")
    ]
    assert f"{ATTEMPT_HEADER}: {rows[0].key}\r\n".encode() in received
    assert received.endswith(BODY)


@pytest.mark.parametrize(("status", "outcome"), [(200, "client_left"), (500, "status")])
def test_closing_early_is_leaving(status: int, outcome: str) -> None:
    """Who closes a good answer before its end has left; the rest of an error's body interests nobody."""
    head = f"HTTP/1.1 {status} X\r\ncontent-length: 9\r\n\r\n".encode()

    rows, _received = recorded((head, b"{"), first, waits=True)

    assert [row.outcome for row in rows] == [outcome]


def test_closing_because_nothing_came_is_a_timeout() -> None:
    """Whoever measured it."""
    rows, _received = recorded((OK,), impatient, waits=True)

    assert [(row.outcome, row.status) for row in rows] == [("timeout", 200)]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_only_a_post_is_an_attempt(method: str) -> None:
    """Anything else reaches the provider as it is: the edge records none of it, so a row would have no other half."""
    rows, received = recorded((b"HTTP/1.1 204 No\r\n\r\n",), method=method)

    assert received.startswith(method.encode())
    assert ATTEMPT_HEADER.encode() not in received
    assert rows == []


@contextmanager
def refusing() -> Iterator[int]:
    """Give a port of the loopback at which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def test_a_refused_connection_is_the_attempt_of_the_request_that_is_worked_on() -> None:
    """No byte of it was ever sent."""
    rows: list[ChainAttempt] = []

    async def run(port: int) -> None:
        recorder = Recorder(PROVIDERS, {"openai": f"http://127.0.0.1:{port}"}, rows.append)
        with watched(recorder), working_on("req-000009"), pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    with refusing() as port:
        asyncio.run(run(port))
    assert [(row.outcome, row.request_id, row.error) for row in rows] == [
        ("refused", "req-000009", "Connection refused")
    ]


@pytest.mark.parametrize(("left", "outcome"), [(False, "timeout"), (True, "client_left")])
def test_who_gives_up_before_there_is_a_connection_shows_at_the_request_s_end(left: bool, outcome: str) -> None:
    """The chain has lost its patience, unless its caller has left."""
    rows: list[ChainAttempt] = []

    async def request(port: int) -> None:
        with working_on("req-000009"):
            try:
                async with asyncio.timeout(None if left else 0.01):
                    await asyncio.open_connection("127.0.0.1", port)
            except TimeoutError:
                assert rows == []

    async def run(port: int) -> None:
        async def never(_sock: socket.socket, _address: object) -> None:
            await asyncio.Event().wait()

        loop = asyncio.get_running_loop()
        loop.sock_connect = never  # type: ignore[method-assign, assignment]
        with watched(Recorder(PROVIDERS, {"openai": f"http://127.0.0.1:{port}"}, rows.append)):
            task = asyncio.create_task(request(port))
            await asyncio.sleep(0.005)
            if left:
                task.cancel()
            await asyncio.wait([task])

    with refusing() as port:
        asyncio.run(run(port))
    assert [(row.outcome, row.request_id) for row in rows] == [(outcome, "req-000009")]


async def test_a_stranger_is_not_called() -> None:
    """A host and port that no provider has is refused before anything leaves."""
    rows: list[ChainAttempt] = []
    called: list[object] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        recorder = Recorder(PROVIDERS, {"openai": "http://127.0.0.1:9"}, rows.append)
        stopped = pytest.raises(ConnectionRefusedError, match="none of the chain's providers")
        with watched(recorder), stopped:
            await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        await asyncio.sleep(0.01)
    assert called == []
    assert rows == []
