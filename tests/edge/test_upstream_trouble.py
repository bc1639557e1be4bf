"""What goes wrong between the edge and a real provider."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest

from harness.chain import Provider
from harness.edge import reach
from harness.edge import upstream as upstreams
from harness.errors import ExitCode, HarnessError

from .conftest import Open, chat, post
from .upstreams import STREAM_HEAD, Script, certificate, chunk, streams, token, upstream, writes

KEY = "sk-planted-0123456789"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"


def closed_port() -> int:
    """Return a port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def at(url: str) -> Provider:
    """Return a provider that is passed through to an address."""
    return Provider(dialect="openai", model="gpt-4", upstream=url)


@pytest.mark.parametrize(
    ("script", "outcome", "status"),
    [
        (writes(b""), "cut", None),
        (writes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed", None),
        (writes(b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n"), "malformed", None),
        (writes(b"HTTP/1.1 200 OK\r\nContent-Le"), "cut", None),
        (writes(HEAD + b"half"), "cut", 200),
        (writes(STREAM_HEAD + chunk(token("a"))), "cut", 200),
        (writes(STREAM_HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n" + chunk(b"not gzip")), "malformed", 200),
    ],
    ids=["closed", "garbage", "status", "half-a-head", "half-a-body", "half-a-stream", "bad-gzip"],
)
async def test_a_provider_that_breaks(
    scene: Open, caplog: pytest.LogCaptureFixture, script: Script, outcome: str, status: int | None
) -> None:
    """The chain's connection ends as the provider's did, with all that had come before; the log has the reason."""
    with caplog.at_level(logging.WARNING):
        async with upstream(script) as real, scene(openai=real.provider(), keys={"openai": KEY}) as s:
            client = await s.client()
            await client.send(post(chat(stream=True), "Authorization: Bearer sk-mine-987654321"))
            raw = await client.reader.read()
            assert (b"data: " in raw) == (b"data: " in (script.__closure__ or [])[0].cell_contents)
            assert not raw.endswith(b"0\r\n\r\n")
            (record,) = await s.recorded(1)
            assert (record.outcome, record.status, record.forwarded) == (outcome, status, True)
            assert (record.text_sha256, record.fault_id) == (None, None)
    assert "req-000001.openai.1: error: upstream http://localhost:" in caplog.text
    assert "sk-" not in caplog.text


async def test_a_provider_that_turns_to_garbage(scene: Open) -> None:
    """In mid-body: what came before has passed."""
    go_on = asyncio.Event()

    async def script(_asked: object, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(token("a")))
        await go_on.wait()
        writer.write(b"zzz\r\n")

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(token("a"))
        go_on.set()
        assert await client.reader.read() == b"\r\n"
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status) == ("malformed", 200)


async def test_a_provider_that_resets(scene: Open) -> None:
    """An RST passes on as one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def reset() -> None:
            connection, _ = listener.accept()
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        async with scene(openai=at(f"http://127.0.0.1:{port}/v1")) as s:
            client = await s.client()
            waiting = asyncio.create_task(asyncio.to_thread(reset))
            await client.send(post(chat()))
            with pytest.raises(ConnectionResetError):
                await client.reader.read()
            await waiting
            (record,) = await s.recorded(1)
            assert (record.outcome, record.status) == ("reset", None)


async def test_a_provider_that_has_gone(scene: Open) -> None:
    """Nothing listens any more: the chain's connection is reset, and the record's outcome is `refused`."""
    async with scene(openai=at(f"http://127.0.0.1:{closed_port()}/v1")) as s:
        client = await s.client()
        await client.send(post(chat()))
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.forwarded) == ("refused", None, True)


async def test_a_provider_whose_certificate_nobody_trusts(scene: Open, tmp_path: Path) -> None:
    """It is sent nothing."""
    context, _ = certificate(tmp_path / "tls")
    async with upstream(streams(token("a")), tls=context) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat()))
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        (record,) = await s.recorded(1)
        assert record.outcome == "refused"
        assert real.asked == []


@pytest.mark.parametrize("before", [b"", STREAM_HEAD + chunk(token("a"))])
async def test_a_provider_that_falls_silent(scene: Open, monkeypatch: pytest.MonkeyPatch, before: bytes) -> None:
    """After a long time the edge gives it up, before its answer or within."""
    monkeypatch.setattr(upstreams, "IDLE_S", 0.2)

    async def script(_asked: object, writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        await asyncio.Event().wait()

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        assert (token("a") in await client.reader.read()) == (before != b"")
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status) == ("timeout", 200 if before else None)


async def test_the_next_call_is_none_the_worse(scene: Open) -> None:
    """A provider that broke once is asked again by the chain's next attempt, not by the edge."""
    good = streams(token("a"))
    scripts = iter([writes(b"garbage\r\n\r\n"), good])

    async def script(asked: object, writer: asyncio.StreamWriter) -> None:
        await next(scripts)(asked, writer)  # type: ignore[arg-type]

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        first = await s.client()
        await first.send(post(chat(stream=True)))
        assert await first.reader.read() == b""
        assert len(real.asked) == 1
        assert (await s.ask(post(chat(stream=True)))).body == token("a")


def refusal(url: str) -> HarnessError:
    """Return the error that explains why a provider cannot be reached."""
    with pytest.raises(HarnessError) as error:
        asyncio.run(reach({"mock": Provider(dialect="openai", model="m"), "openai": at(url)}))
    assert error.value.where == "providers.openai.upstream"
    assert error.value.exit_code is ExitCode.HARNESS
    assert error.value.hint
    return error.value


def test_a_closed_port_is_reported_before_the_run() -> None:
    """With the address."""
    port = closed_port()
    assert refusal(f"http://127.0.0.1:{port}/v1").problem == (
        f"cannot reach http://127.0.0.1:{port}: nothing listens there"
    )


def test_an_unknown_host_is_reported_before_the_run() -> None:
    """A name that cannot be one needs no network to be unknown."""
    assert "unknown host" in refusal("https://no-such-host.invalid/v1").problem


async def test_a_bad_certificate_is_reported_before_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do about it; and doing it helps, without a single request."""
    context, authority = certificate(tmp_path / "tls")
    async with upstream(streams(token("a")), tls=context) as real:
        with pytest.raises(HarnessError, match="its certificate is not trusted: self-signed certificate") as error:
            await reach({"openai": real.provider()})
        assert error.value.hint
        assert "SSL_CERT_FILE" in error.value.hint
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        await reach({"openai": real.provider()})
        assert real.asked == []


async def test_plain_text_where_tls_should_be_is_reported_before_the_run() -> None:
    """A server that does not speak TLS is not waited for."""

    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(HarnessError, match="does not speak TLS"):
            await reach({"openai": at(f"https://127.0.0.1:{port}/v1")})
