"""What clients may do to a connection."""

import asyncio
import gzip
import json

import pytest

from harness.edge.connection import BODY_BYTES_MAX
from harness.edge.request import ordinary
from tests.plans import quick

from .conftest import Open, chat, post

CHUNKED = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"%x\r\n%b\r\n0\r\n\r\n" % (len(chat()), chat())
)


async def test_a_connection_carries_many_requests(scene: Open) -> None:
    """Ordinary, split, chunked, compressed and looked-up: one after the other on one connection."""
    async with scene() as s:
        client = await s.client()
        split = post(chat())
        packed = gzip.compress(chat())
        assert (await client.ask(post(chat()))).status == 200
        await client.send(split[:60])
        await client.send(split[60:])
        assert (await client.receive()).status == 200
        assert (await client.ask(CHUNKED)).status == 200
        assert (await client.ask(post(packed, "Content-Encoding: gzip"))).status == 200
        assert (await client.ask(post(chat()))).status == 200
        assert [a.attempt_id for a in await s.recorded(5)] == [f"req-000001.openai.{n}" for n in range(1, 6)]


async def test_a_request_may_arrive_byte_by_byte(scene: Open) -> None:
    """Where the pieces are cut changes nothing."""
    async with scene() as s:
        client = await s.client()
        for byte in post(chat(), "X-Harness-Attempt: k"):
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await client.receive()).status == 200
        assert (await s.recorded(1))[0].request_id == "req-000001"


@pytest.mark.parametrize("ttft", [0, 3_000_000])
async def test_pipelined_requests_are_answered_in_order(scene: Open, ttft: int) -> None:
    """Several requests in one write get their answers one after the other."""
    async with scene(openai=quick(ttft=ttft)) as s:
        client = await s.client()
        await client.send(b"".join(post(chat(f"req-{n:06d}")) for n in range(1, 6)))
        texts = [(await client.receive()).body.decode() for _ in range(5)]
        assert all(f"<<req-{n:06d}.openai.1>>" in text for n, text in enumerate(texts, start=1))


async def test_a_client_that_asks_first_may_go_on(scene: Open) -> None:
    """`Expect: 100-continue` is answered before the body comes."""
    async with scene() as s:
        client = await s.client()
        raw = post(chat(), "Expect: 100-continue")
        await client.send(raw[: -len(chat())])
        assert (await client.receive()).status == 100
        assert (await client.ask(chat())).status == 200


async def test_a_client_of_http_1_0_gets_no_chunks(scene: Open) -> None:
    """A stream to it ends with the connection."""
    async with scene() as s:
        client = await s.client()
        raw = post(chat(stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0")
        response = await client.ask(raw)
        assert "transfer-encoding" not in response.headers
        assert response.body.endswith(b"data: [DONE]\n\n")


async def test_a_client_that_wants_it_gets_the_connection_closed(scene: Open) -> None:
    """`Connection: close` is obeyed and answered."""
    async with scene() as s:
        client = await s.client()
        response = await client.ask(post(chat(), "Connection: close"))
        assert response.headers["connection"] == "close"
        async with asyncio.timeout(5):
            assert await client.reader.read() == b""


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
        b"\x00" * 5_000,
        b"hello\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot-a-size\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_garbage_does_not_kill_the_edge(scene: Open, garbage: bytes) -> None:
    """What is not HTTP is turned away with a 400, and the next client is served."""
    async with scene() as s:
        client = await s.client()
        await client.send(garbage)
        assert (await client.receive()).status == 400
        assert (await s.ask(post(chat()))).status == 200


async def test_a_client_that_vanishes_in_mid_request_leaves_nothing(scene: Open) -> None:
    """Half a request is no attempt."""
    async with scene() as s:
        client = await s.client()
        await client.send(post(chat())[:-5])
        client.writer.transport.abort()
        assert (await s.ask(post(chat("req-000002")))).status == 200
        assert [a.request_id for a in await s.recorded(1)] == ["req-000002"]


async def test_a_huge_body_is_refused_unread(scene: Open) -> None:
    """Over 32 MiB: the provider's own 413 as soon as the length is known, from the header or by counting."""
    async with scene() as s:
        told = await s.client()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode()
        refused = await told.ask(head + b"x" * 1_000)
        assert (refused.status, refused.json["error"]["code"]) == (413, "request_too_large")
        counted = await s.client()
        await counted.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        size = 4 * 2**20
        for _ in range(BODY_BYTES_MAX // size + 1):
            await counted.send(b"%x\r\n%b\r\n" % (size, bytes(size)))
        assert (await counted.receive()).status == 413
        assert (await s.ask(post(chat()))).status == 200


async def test_a_large_prompt_is_read_whole(scene: Open) -> None:
    """A million tokens of prompt arrive in pieces and are answered."""
    async with scene() as s:
        system = {"role": "system", "content": "x" * 4_000_000}
        body = chat(messages=[system, *json.loads(chat())["messages"]])
        assert (await s.ask(post(body))).status == 200
        (record,) = await s.recorded(1)
        assert (record.request_id, record.tokens_in > 1_000_000) == ("req-000001", True)


async def test_a_client_that_does_not_read_holds_up_nobody(scene: Open) -> None:
    """Its own answer waits for it, in little memory; others are served, and it gets the whole in the end."""
    async with scene(openai=quick(tokens=40_000)) as s:
        slow = await s.client()
        slow.writer.transport.pause_reading()
        await slow.send(post(chat(stream=True)))
        assert (await s.ask(post(chat("req-000002", max_tokens=2)))).status == 200
        (held,) = [c for c in s.edge._connections if c._exchange is not None]
        assert held.transport is not None
        assert 0 < held.transport.get_write_buffer_size() < 500_000
        slow.writer.transport.resume_reading()
        received, last = 0, b""
        async with asyncio.timeout(60):
            while not last.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
                piece = await slow.reader.read(2**20)
                assert piece
                received += len(piece)
                last = (last + piece)[-64:]
        assert received > 40_000 * 100


@pytest.mark.parametrize(
    "raw",
    [
        CHUNKED,
        post(chat(), "Connection: close"),
        post(chat(), "Expect: 100-continue"),
        post(chat(), "Content-Encoding: gzip"),
        post(chat(), "Upgrade : h2c"),
        post(chat(), "Content-Length: 3"),
        post(chat())[:-1],
        post(chat()) + b"x",
        post(chat()).replace(b"POST", b"GET"),
        post(chat()).replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"",
    ],
)
def test_only_ordinary_requests_go_the_quick_way(raw: bytes) -> None:
    """Whatever needs a parser is left to it."""
    assert ordinary(raw) is None


def test_the_quick_way_reads_what_the_parser_would() -> None:
    """Path, body, what is accepted, and our own headers, whose values keep their case."""
    ours = ("X-HARNESS-Attempt:  AbC ", "x-harness-run: t")
    raw = post(chat(), *ours, "Accept: Text/*, a/b", "Connection: keep-alive", path="/a?b=C")
    request = ordinary(raw)
    assert request is not None
    assert (request.method, request.path, request.body) == ("POST", "/a?b=C", chat())
    assert request.headers == {"x-harness-attempt": "AbC", "x-harness-run": "t", "accept": "text/*, a/b"}
