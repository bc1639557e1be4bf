"""What a real provider is asked, with whose key, and when it is asked no more."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Provider
from harness.edge.budget import CallBudget
from harness.edge.request import EdgeRequest
from harness.edge.upstream import Upstream, UpstreamClient
from harness.provider.dialects import DIALECTS
from tests.polling import until_async

from .conftest import Open, chat, post
from .upstreams import (
    DONE,
    PRICE,
    STREAM_HEAD,
    Asked,
    certificate,
    chunk,
    completion,
    says,
    streams,
    token,
    upstream,
)

KEY = "sk-planted-0123456789"


async def test_what_the_provider_is_asked(scene: Open) -> None:
    """The caller's path below the upstream's, its headers without ours and without those of the connection, its body."""
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


@pytest.mark.parametrize(
    ("dialect", "path", "header"),
    [
        ("openai", "/v1/chat/completions", ("authorization", f"Bearer {KEY}")),
        ("anthropic", "/v1/messages", ("x-api-key", KEY)),
        ("azure", "/openai/deployments/gpt-4/chat/completions?api-version=1", ("api-key", KEY)),
    ],
)
async def test_our_key_replaces_every_key_of_the_callers(
    scene: Open, dialect: str, path: str, header: tuple[str, str]
) -> None:
    """In the dialect's own header, and alone."""
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


async def test_tls_is_spoken_and_checked(scene: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose certificate is trusted is called over TLS."""
    context, authority = certificate(tmp_path / "tls")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with upstream(streams(token("a"), DONE), tls=context) as real, scene(openai=real.provider()) as s:
        assert (await s.ask(post(chat(stream=True)))).body == token("a") + DONE


async def test_a_redirect_is_not_followed(scene: Open) -> None:
    """The key goes to the provider that the chain file names, and nowhere else."""
    async with upstream(says("200 OK", completion())) as other:
        moved = says("307 Temporary Redirect", b"", f"Location: {other.url}/v1/chat/completions")
        async with upstream(moved) as real, scene(openai=real.provider(), keys={"openai": KEY}) as s:
            assert (await s.ask(post(chat()))).status == 307
            assert (len(real.asked), len(other.asked)) == (1, 0)


@pytest.mark.parametrize(
    "path", ["@other.example/v1", ".other.example/", "//other.example/v1", "http://other.example/"]
)
def test_no_path_leads_to_another_host(path: str) -> None:
    """Where the key goes is the chain file's to say."""
    provider = Provider(dialect="azure", model="m", upstream="https://host.example")
    address = Upstream("a", provider, UpstreamClient(CallBudget()), KEY).address(path)
    assert (address.scheme, address.host, address.port, address.user) == ("https", "host.example", 443, None)


def test_a_key_in_the_query_is_replaced_too() -> None:
    """All else in it stays to the letter."""
    provider = Provider(dialect="openai", model="m", upstream="https://h/base")
    path = "/v1/x?alt=sse&key=theirs&monkey=%2F"
    assert (
        str(Upstream("a", provider, UpstreamClient(CallBudget()), KEY).address(path))
        == "https://h/base/x?alt=sse&monkey=%2F"
    )
    assert str(Upstream("a", provider, UpstreamClient(CallBudget()), None).address(path)).endswith(
        "?alt=sse&key=theirs&monkey=%2F"
    )


def test_a_key_in_a_header_of_another_packages_dialect_is_replaced_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever that dialect calls the header."""
    vendor = replace(DIALECTS["openai"], name="vendor", authorize=lambda key: ("X-Vendor-Auth", key))
    monkeypatch.setitem(DIALECTS.own, "vendor", vendor)  # type: ignore[arg-type]
    spec = Provider(dialect="vendor", model="m", upstream="https://h")
    request = EdgeRequest(
        "POST", "/", {"x-vendor-auth": "theirs", "x-team": "chaos"}, b"", keep=True, version_1_0=False
    )
    sent = Upstream("vendor", spec, UpstreamClient(CallBudget()), key=KEY).headers(request)
    assert sent == [("x-team", "chaos"), ("accept-encoding", "identity"), ("X-Vendor-Auth", KEY)]


@pytest.mark.parametrize(("key", "asked", "status"), [(KEY, 0, 421), (None, 1, 200)])
async def test_an_unmarked_call_never_goes_out_with_the_key(
    scene: Open, key: str | None, asked: int, status: int
) -> None:
    """Whoever sends it is not this run. It is an orphan, so that a gateway that loses the mark is not blamed for it."""
    keys = {} if key is None else {"openai": key}
    async with upstream(says("200 OK", completion())) as real, scene(openai=real.provider(), keys=keys) as s:
        assert (await s.ask(post(chat(None)))).status == status
        assert len(real.asked) == asked
        (record,) = await s.recorded(1)
        assert (record.request_id, record.forwarded, record.status) == (None, bool(asked), status)


async def test_a_client_that_leaves_ends_the_call_at_once(scene: Open) -> None:
    """The provider notices, and the record has what was sent and that the client left."""

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
        assert s.edge._client.open_calls == set()


async def test_the_edge_ends_with_calls_still_open(scene: Open) -> None:
    """They end with it, and are on record."""

    async def script(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        for _ in range(3):
            await (await s.client()).send(post(chat()))
        await until_async(lambda: len(real.asked) == 3)
        async with asyncio.timeout(5):
            await s.edge.__aexit__()
        assert [(r.outcome, r.forwarded) for r in await s.recorded(3)] == [("cut", True)] * 3


@pytest.mark.parametrize("budget", [{"requests": 3}, {"usd": 0.2}])
async def test_the_budget_ends_it(scene: Open, budget: dict[str, float]) -> None:
    """When it is reached the provider is asked no more, the chain's connection is closed, and the runner gets one message."""
    said: list[str] = []
    spent = CallBudget(**budget, reached=said.append)  # type: ignore[arg-type]
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
