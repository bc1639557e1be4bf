"""Calls that are passed through to a real provider, with nothing wrong."""

import asyncio
import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest

from harness.chain import Provider
from harness.edge.budget import Budget
from harness.edge.upstream import Client, Real
from harness.provider.dialects.wire import split

from .conftest import Open, chat, post, until
from .upstreams import (
    DONE,
    FINISH,
    PRICE,
    STREAM_HEAD,
    USAGE,
    Asked,
    certificate,
    chunk,
    completion,
    says,
    streams,
    token,
    upstream,
    writes,
)

KEY = "sk-planted-0123456789"


def sha(text: str) -> str:
    """Return a text's hash as records have it."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_stream_passes_event_by_event(scene: Open) -> None:
    """The provider says the next thing only when the client has the last: whoever gathers events hangs here."""

    async def run() -> None:
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

    asyncio.run(run())


def test_tokens_are_counted_where_nobody_says_them(scene: Open) -> None:
    """Without usage in the stream, its content events count."""

    async def run() -> None:
        async with upstream(streams(token("a"), token("b"), FINISH, DONE)) as real, scene(openai=real.provider()) as s:
            response = await s.ask(post(chat(stream=True)))
            assert response.body == token("a") + token("b") + FINISH + DONE
            (record,) = await s.recorded(1)
        assert (record.tokens_out, record.text_sha256, record.cost_usd) == (2, sha("ab"), None)
        assert record.tokens_in > 0

    asyncio.run(run())


def test_a_plain_answer_passes_as_it_is(scene: Open) -> None:
    """Status, headers and body, and the next call on the same two connections."""

    async def run() -> None:
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

    asyncio.run(run())


def test_what_the_provider_is_asked(scene: Open) -> None:
    """The caller's path below the upstream's, its headers without ours and without those of the connection, its body."""

    async def run() -> None:
        async with upstream(says("200 OK", completion())) as real, scene(openai=real.provider()) as s:
            headers = ("X-Harness-Attempt: k", "Connection: keep-alive, X-Mine", "X-Mine: 1", "X-Team: chaos")
            sent = chat()
            await s.ask(post(sent, *headers, "Authorization: Bearer caller", path="/v1/chat/completions?a=%2Fb&c"))
            (asked,) = real.asked
            assert asked.line == "POST /api/v1/chat/completions?a=%2Fb&c HTTP/1.1"
            assert asked.body == sent
            assert asked.headers == {
                "host": real.url.removeprefix("http://"),
                "x-team": "chaos",
                "authorization": "Bearer caller",
                "accept-encoding": "identity",
                "content-length": str(len(sent)),
            }
            (record,) = await s.recorded(1)
            assert record.request_id == "req-000001"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("dialect", "path", "header"),
    [
        ("openai", "/v1/chat/completions", ("authorization", f"Bearer {KEY}")),
        ("anthropic", "/v1/messages", ("x-api-key", KEY)),
        ("azure", "/openai/deployments/gpt-4/chat/completions?api-version=1", ("api-key", KEY)),
    ],
)
def test_our_key_replaces_every_key_of_the_callers(
    scene: Open, dialect: str, path: str, header: tuple[str, str]
) -> None:
    """In the dialect's own header, and alone."""

    async def run() -> None:
        async with (
            upstream(says("200 OK", completion())) as real,
            scene(openai=real.provider(dialect, path=""), keys={"openai": KEY}) as s,
        ):
            theirs = ("Authorization: Bearer theirs", "X-Api-Key: theirs", "api-key: theirs")
            await s.ask(post(chat(), *theirs, path=path))
            (asked,) = real.asked
            assert "theirs" not in str(asked.headers)
            assert asked.headers[header[0]] == header[1]
            assert [name for name in asked.headers if "key" in name or "auth" in name] == [header[0]]

    asyncio.run(run())


def test_tls_is_spoken_and_checked(scene: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose certificate is trusted is called over TLS."""

    async def run() -> None:
        context, authority = certificate(tmp_path / "tls")
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with upstream(streams(token("a"), DONE), tls=context) as real, scene(openai=real.provider()) as s:
            assert (await s.ask(post(chat(stream=True)))).body == token("a") + DONE

    asyncio.run(run())


def test_a_large_body_passes_both_ways(scene: Open) -> None:
    """Nothing is cut, and nobody has to hold all of it: the client reads late."""

    async def run() -> None:
        answer = completion("x" * 5_000_000)
        async with upstream(says("200 OK", answer)) as real, scene(openai=real.provider()) as s:
            sent = chat(padding="y" * 3_000_000)
            client = await s.client()
            await client.send(post(sent))
            assert (await client.receive()).body == answer
            assert real.asked[0].body == sent
            (record,) = await s.recorded(1)
            assert record.text_chars == 5_000_000

    asyncio.run(run())


def test_the_provider_waits_for_a_client_that_does_not_read(scene: Open) -> None:
    """Back-pressure goes all the way: the edge holds a bounded part of an endless stream."""

    async def run() -> None:
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
            held = max(forward._held_bytes for forward in s.edge._client.forwards)
            assert 0 < held < 1_000_000
            client.writer.transport.abort()
            await asyncio.wait_for(real.left.wait(), 10)

    asyncio.run(run())


def test_a_compressed_answer_reaches_the_chain_plain(scene: Open) -> None:
    """Some compress although they were asked not to."""

    async def run() -> None:
        packed = gzip.compress(completion("hi"))
        script = says("200 OK", packed, "Content-Encoding: gzip")
        async with upstream(script) as real, scene(openai=real.provider()) as s:
            response = await s.ask(post(chat()))
            assert (response.body, "content-encoding" in response.headers) == (completion("hi"), False)
            assert (await s.recorded(1))[0].text_sha256 == sha("hi")

    asyncio.run(run())


def test_a_compressed_stream_is_not_held_up(scene: Open) -> None:
    """Its events leave as they are unpacked."""

    async def run() -> None:
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

    asyncio.run(run())


def test_an_old_provider_ends_its_body_with_the_connection(scene: Open) -> None:
    """HTTP/1.0 and no length: the chain gets a body that is properly ended."""

    async def run() -> None:
        body = token("a") + token("b") + DONE
        script = writes(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body)
        async with upstream(script) as real, scene(openai=real.provider()) as s:
            client = await s.client()
            assert (await client.ask(post(chat(stream=True)))).body == body
            assert (await client.ask(post(chat(stream=True)))).body == body
            assert [r.outcome for r in await s.recorded(2)] == ["ok", "ok"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "body", "told_ns"),
    [
        ("Retry-After: 7", {"error": {"code": "rate_limit_exceeded"}}, 7 * 10**9),
        ("Retry-After-Ms: 1500", {"error": {"type": "rate_limit_exceeded", "code": None}}, 1_500_000_000),
        ("Retry-After: soon", {"error": {"code": "rate_limit_exceeded"}}, None),
    ],
)
def test_a_providers_own_error_is_read(scene: Open, header: str, body: object, told_ns: int | None) -> None:
    """Its code and its delay stand in the record, as those of a fault do; a redirect is an answer like any other."""

    async def run() -> None:
        script = says("429 Too Many Requests", json.dumps(body).encode(), header)
        async with upstream(script) as real, scene(openai=real.provider(price=PRICE)) as s:
            response = await s.ask(post(chat()))
            assert (response.status, response.json) == (429, body)
            (record,) = await s.recorded(1)
        assert (record.status, record.outcome, record.error_code) == (429, "status", "rate_limit_exceeded")
        assert (record.retry_after_ns, record.text_sha256, record.cost_usd) == (told_ns, None, None)

    asyncio.run(run())


def test_a_redirect_is_not_followed(scene: Open) -> None:
    """The key goes where the chain file says, and nowhere else."""

    async def run() -> None:
        async with upstream(says("200 OK", completion())) as other:
            moved = says("307 Temporary Redirect", b"", f"Location: {other.url}/v1/chat/completions")
            async with upstream(moved) as real, scene(openai=real.provider(), keys={"openai": KEY}) as s:
                assert (await s.ask(post(chat()))).status == 307
                assert (len(real.asked), len(other.asked)) == (1, 0)

    asyncio.run(run())


def test_an_answer_without_a_body_is_over(scene: Open) -> None:
    """A 204 has none, and the connection is good for the next call."""

    async def run() -> None:
        async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n")

        async with upstream(script) as real, scene(openai=real.provider()) as s:
            client = await s.client()
            for _ in range(2):
                response = await client.ask(post(chat()))
                assert (response.status, response.body, response.headers["x-a"]) == (204, b"", "b")

    asyncio.run(run())


@pytest.mark.parametrize(
    "path", ["@other.example/v1", ".other.example/", "//other.example/v1", "http://other.example/"]
)
def test_no_path_leads_to_another_host(path: str) -> None:
    """Where the key goes is the chain file's to say."""
    provider = Provider(dialect="azure", model="m", upstream="https://host.example")
    address = Real("a", provider, Client(Budget()), KEY).address(path)
    assert (address.scheme, address.host, address.port, address.user) == ("https", "host.example", 443, None)


def test_a_key_in_the_query_is_replaced_too() -> None:
    """All else in it stays to the letter."""
    provider = Provider(dialect="openai", model="m", upstream="https://h/base")
    path = "/v1/x?alt=sse&key=theirs&monkey=%2F"
    assert str(Real("a", provider, Client(Budget()), KEY).address(path)) == "https://h/base/x?alt=sse&monkey=%2F"
    assert str(Real("a", provider, Client(Budget()), None).address(path)).endswith("?alt=sse&key=theirs&monkey=%2F")


def test_a_client_that_leaves_ends_the_call_at_once(scene: Open) -> None:
    """The provider sees it go, and what had been said is on record as left."""

    async def run() -> None:
        async def gone(_asked: Asked, writer: asyncio.StreamWriter) -> None:
            writer.write(STREAM_HEAD + chunk(token("a")) + chunk(token("b")))
            while True:
                writer.write(chunk(b": ping\n\n"))
                await writer.drain()
                await asyncio.sleep(0.01)

        async with upstream(gone) as real, scene(openai=real.provider()) as s:
            client = await s.client()
            await client.send(post(chat(stream=True)))
            await client.reader.readuntil(token("b"))
            await client.close()
            await asyncio.wait_for(real.left.wait(), 10)
            (record,) = await s.recorded(1)
            assert (record.outcome, record.status, record.tokens_out) == ("client_left", 200, 2)
            assert record.text_sha256 is None
            assert s.edge._client.forwards == set()

    asyncio.run(run())


def test_the_edge_ends_with_calls_still_open(scene: Open) -> None:
    """They end with it, and are on record."""

    async def run() -> None:
        async def script(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        async with upstream(script) as real, scene(openai=real.provider()) as s:
            for _ in range(3):
                await (await s.client()).send(post(chat()))
            await until(lambda: len(real.asked) == 3)
            async with asyncio.timeout(5):
                await s.edge.__aexit__()
            assert [(r.outcome, r.forwarded) for r in await s.recorded(3)] == [("cut", True)] * 3

    asyncio.run(run())


@pytest.mark.parametrize("budget", [{"requests": 3}, {"usd": 0.2}])
def test_the_budget_ends_it(scene: Open, budget: dict[str, float]) -> None:
    """When it is reached the provider is asked no more, the chain sees a closed connection, and the runner is told once."""

    async def run() -> None:
        said: list[str] = []
        spent = Budget(**budget, reached=said.append)  # type: ignore[arg-type]
        async with (
            upstream(says("200 OK", completion())) as real,
            scene(openai=real.provider(price=PRICE), budget=spent) as s,
        ):
            for _ in range(3):
                assert (await s.ask(post(chat()))).status == 200
            for _ in range(2):
                client = await s.client()
                await client.send(post(chat()))
                assert await client.reader.read() == b""
            assert len(real.asked) == 3
            assert len(said) == 1
            assert "3 calls to real providers" in said[0]
            records = await s.recorded(5)
            assert [r.forwarded for r in records] == [True] * 3 + [False] * 2

    asyncio.run(run())


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
