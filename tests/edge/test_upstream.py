"""What a real provider answers, passed on with nothing wrong."""

import asyncio
import gzip
import io
import json

import pytest

from harness.provider.dialects.wire import split

from .conftest import Open, chat, post
from .upstreams import (
    DONE,
    FINISH,
    PRICE,
    STREAM_HEAD,
    USAGE,
    Asked,
    chunk,
    completion,
    says,
    sha,
    streams,
    token,
    upstream,
    writes,
)


async def test_a_stream_passes_event_by_event(scene: Open) -> None:
    """The provider sends the next event only when the client has the last: an edge that gathers events hangs here."""
    go_on = asyncio.Semaphore(0)
    words = [token(f" word{place}") for place in range(5)]

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for event in words:
            writer.write(chunk(event))
            await go_on.acquire()
        writer.write(chunk(FINISH + USAGE + DONE) + b"0\r\n\r\n")

    async with upstream(script) as real, scene(openai=real.provider(price=PRICE)) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        async with asyncio.timeout(10):
            for event in words:
                await client.reader.readuntil(event)
                go_on.release()
            await client.reader.readuntil(b"0\r\n\r\n")
        (record,) = await s.recorded(1)
    text = "".join(f" word{place}" for place in range(5))
    assert (record.forwarded, record.status, record.outcome, record.fault_id) == (True, 200, "ok", None)
    assert (record.text_sha256, record.text_chars) == (sha(text), len(text))
    assert (record.tokens_in, record.tokens_out) == (11, 7)
    assert record.cost_usd == pytest.approx((11 * 1_000 + 7 * 10_000) / 1e6)
    assert record.start_ns < record.first_byte_ns < record.end_ns


async def test_tokens_are_counted_where_nobody_says_them(scene: Open) -> None:
    """Without usage in the stream, its content events count."""
    async with upstream(streams(token("a"), token("b"), FINISH, DONE)) as real, scene(openai=real.provider()) as s:
        response = await s.ask(post(chat(stream=True)))
        assert response.body == token("a") + token("b") + FINISH + DONE
        (record,) = await s.recorded(1)
    assert (record.tokens_out, record.text_sha256, record.cost_usd) == (2, sha("ab"), None)
    assert record.tokens_in > 0


async def test_a_plain_answer_passes_as_it_is(scene: Open) -> None:
    """Status, headers and body, and the next call on the same two connections."""
    script = says("200 OK", completion("héllo"), "X-Request-Id: r-1", "Set-Cookie: a=1", "Set-Cookie: b=2")
    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        for _ in range(3):
            response = await client.ask(post(chat()))
            assert (response.status, response.body) == (200, completion("héllo"))
            assert response.headers["x-request-id"] == "r-1"
        records = await s.recorded(3)
    assert {r.text_sha256 for r in records} == {sha("héllo")}
    assert {(r.tokens_in, r.tokens_out, r.streaming) for r in records} == {(11, 7, False)}


async def test_a_large_body_passes_both_ways(scene: Open) -> None:
    """Nothing is cut, and nobody has to hold all of it: the client reads late."""
    answer = completion("x" * 5_000_000)
    async with upstream(says("200 OK", answer)) as real, scene(openai=real.provider()) as s:
        sent = chat(padding="y" * 3_000_000)
        client = await s.client()
        await client.send(post(sent))
        assert (await client.receive()).body == answer
        assert real.asked[0].body == sent
        (record,) = await s.recorded(1)
        assert record.text_chars == 5_000_000


async def test_the_provider_waits_for_a_client_that_does_not_read(scene: Open) -> None:
    """Back-pressure goes all the way: the edge holds a bounded part of an endless stream."""
    written = 0

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(STREAM_HEAD)
        while True:
            writer.write(chunk(token("x" * 10_000)))
            await writer.drain()
            written += 10_000

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(post(chat(stream=True)))
        before = -1
        while written > before or written == 0:
            before = written
            await asyncio.sleep(0.3)
        held = max(forward._held_bytes for forward in s.edge._client.open_calls)
        assert 0 < held < 1_000_000
        client.writer.transport.abort()
        await asyncio.wait_for(real.left.wait(), 10)


async def test_a_compressed_answer_reaches_the_chain_plain(scene: Open) -> None:
    """Some compress although they were asked not to."""
    packed = gzip.compress(completion("hi"))
    script = says("200 OK", packed, "Content-Encoding: gzip")
    async with upstream(script) as real, scene(openai=real.provider()) as s:
        response = await s.ask(post(chat()))
        assert (response.body, "content-encoding" in response.headers) == (completion("hi"), False)
        assert (await s.recorded(1))[0].text_sha256 == sha("hi")


async def test_a_compressed_stream_is_not_held_up(scene: Open) -> None:
    """Its events leave as they are unpacked."""
    go_on = asyncio.Event()

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb") as packer:
            packer.write(token("a"))
            packer.flush()
            writer.write(STREAM_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n" + chunk(out.getvalue()))
            await go_on.wait()
            sent = len(out.getvalue())
            packer.write(DONE)
        writer.write(chunk(out.getvalue()[sent:]) + b"0\r\n\r\n")

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        async with asyncio.timeout(10):
            await client.reader.readuntil(token("a"))
            go_on.set()
            await client.reader.readuntil(DONE)


async def test_an_old_provider_ends_its_body_with_the_connection(scene: Open) -> None:
    """HTTP/1.0 and no length: the chain gets a body that is properly ended."""
    body = token("a") + token("b") + DONE
    script = writes(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body)
    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        assert (await client.ask(post(chat(stream=True)))).body == body
        assert (await client.ask(post(chat(stream=True)))).body == body
        assert [r.outcome for r in await s.recorded(2)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("header", "body", "told_ns"),
    [
        ("Retry-After: 7", {"error": {"code": "rate_limit_exceeded"}}, 7 * 10**9),
        ("Retry-After-Ms: 1500", {"error": {"type": "rate_limit_exceeded", "code": None}}, 1_500_000_000),
        ("Retry-After: soon", {"error": {"code": "rate_limit_exceeded"}}, None),
    ],
)
async def test_a_providers_own_error_is_read(scene: Open, header: str, body: object, told_ns: int | None) -> None:
    """Its code and its delay stand in the record, as those of a fault do; a redirect is an answer like any other."""
    script = says("429 Too Many Requests", json.dumps(body).encode(), header)
    async with upstream(script) as real, scene(openai=real.provider(price=PRICE)) as s:
        response = await s.ask(post(chat()))
        assert (response.status, response.json) == (429, body)
        (record,) = await s.recorded(1)
    assert (record.status, record.outcome, record.error_code) == (429, "status", "rate_limit_exceeded")
    assert (record.retry_after_ns, record.text_sha256, record.cost_usd) == (told_ns, None, None)


async def test_an_answer_without_a_body_is_over(scene: Open) -> None:
    """A 204 has none, and the connection is good for the next call."""

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n")

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        for _ in range(2):
            response = await client.ask(post(chat()))
            assert (response.status, response.body, response.headers["x-a"]) == (204, b"", "b")


@pytest.mark.parametrize("blank", [b"\n\n", b"\r\n\r\n", b"\r\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_events_are_found_wherever_they_are_cut(blank: bytes, size: int) -> None:
    """However the bytes come in, the same events come out, and not a byte is lost."""
    wanted = [b"data: one" + blank, b": ping" + blank, b"event: x" + blank[: len(blank) // 2] + b"data: two" + blank]
    body = b"".join(wanted) + b"data: unfinished"
    found: list[bytes] = []
    rest = b""
    for at in range(0, len(body), size):
        events, rest = split(rest, body[at : at + size])
        found += events
    assert (found, rest) == (wanted, b"data: unfinished")
