"""How a real provider's answer ends, and what of it counts."""

import asyncio
from typing import Any

import pytest

from harness.scenario import Inject
from tests.plans import window

from .conftest import Open, chat, post
from .upstreams import DONE, FINISH, STREAM_HEAD, USAGE, Asked, chunk, completion, says, sha, streams, token, upstream

WORDS = [token(" a"), token(" b")]


async def test_a_client_that_has_read_the_last_event_has_not_left(scene: Open) -> None:
    """Official clients close at `[DONE]`, which may be before the provider has ended its body."""

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in (*WORDS, FINISH, USAGE, DONE)))
        await writer.drain()
        await asyncio.Event().wait()

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(DONE)
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status) == ("ok", 200)
        assert (record.text_sha256, record.tokens_out) == (sha(" a b"), 7)


async def test_a_client_that_never_got_the_last_event_has_left(scene: Open) -> None:
    """The provider has sent all of it, but a fault holds it up."""
    stall = window(Inject(stream="stall", after_tokens=1, pause=3600 * 10**9))
    async with upstream(streams(*WORDS, FINISH, DONE)) as real, scene(stall, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(WORDS[0])
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.fault_id) == ("client_left", "fault-1")


@pytest.mark.parametrize(
    ("dialect", "path", "last", "code"),
    [
        (
            "openai",
            "/v1/chat/completions",
            b'data: {"error":{"message":"m","type":"server_error"}}\n\n',
            "server_error",
        ),
        (
            "openrouter",
            "/api/v1/chat/completions",
            b'data: {"choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"code":502,"message":"m"}}\n\n',
            "502",
        ),
        (
            "anthropic",
            "/v1/messages",
            b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n',
            "overloaded_error",
        ),
        ("openai", "/v1/responses", b'data: {"type":"error","code":"server_error","message":"m"}\n\n', "server_error"),
        (
            "openai",
            "/v1/responses",
            b'data: {"type":"response.failed","response":{"object":"response","error":{"code":"server_error"}}}\n\n',
            "server_error",
        ),
    ],
)
async def test_an_error_in_a_real_stream_is_no_end(
    scene: Open, dialect: str, path: str, last: bytes, code: str
) -> None:
    """Half of a text is not what the provider meant to say, though its 200 ends properly: nobody has it whole."""
    async with upstream(streams(*WORDS, last)) as real, scene(openai=real.provider(dialect)) as s:
        response = await s.ask(post(chat(stream=True), path=path))
        assert response.body.endswith(last)
        (record,) = await s.recorded(1)
        assert (record.outcome, record.error_code) == ("cut", code)
        assert (record.text_sha256, record.fault_id) == (None, None)


async def test_no_error_in_a_stream_is_none(scene: Open) -> None:
    """Some providers say `error: null` in every event, and a text may speak of errors."""
    first = b'data: {"error":null,"choices":[{"index":0,"delta":{"content":"an \\"error\\":"}}]}\n\n'
    async with upstream(streams(first, FINISH, DONE)) as real, scene(openai=real.provider()) as s:
        await s.ask(post(chat(stream=True)))
        (record,) = await s.recorded(1)
        assert (record.outcome, record.error_code, record.text_sha256) == ("ok", None, sha('an "error":'))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"choices":null,"error":{"code":429,"message":"m"}}', "429"),
        (b'{"error":"down for a while"}', None),
        (b"<html>down</html>", None),
        (b"", None),
    ],
)
async def test_a_plain_success_without_an_answer_is_none(scene: Open, body: bytes, code: Any) -> None:
    """An error or garbage under a 200: who is given nothing for it has not got a whole answer."""
    async with upstream(says("200 OK", body)) as real, scene(openai=real.provider()) as s:
        response = await s.ask(post(chat()))
        assert response.body == body
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.error_code) == ("malformed", 200, code)
        assert record.text_sha256 is None


async def test_an_answer_without_text_is_one(scene: Open) -> None:
    """A call of a tool, say."""
    async with upstream(says("200 OK", completion(""))) as real, scene(openai=real.provider()) as s:
        await s.ask(post(chat()))
        (record,) = await s.recorded(1)
        assert (record.outcome, record.text_sha256) == ("ok", sha(""))


async def test_a_stream_without_events_passes_and_fills_no_memory(scene: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes to a blank line cannot be held back until it does, nor a text kept that never ends."""
    monkeypatch.setattr("harness.edge.forwarded_call._READ_BYTES_MAX", 1000)
    garbage = b"x" * 5000

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(garbage))
        await writer.drain()
        await asyncio.Event().wait()

    async with upstream(script) as real, scene(openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        async with asyncio.timeout(5):
            await client.reader.readuntil(garbage)


async def test_a_text_without_end_is_not_kept(scene: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nobody can say whether a caller has it whole."""
    monkeypatch.setattr("harness.edge.forwarded_call._READ_BYTES_MAX", 1000)
    async with (
        upstream(streams(*(token("x" * 100) for _ in range(20)), DONE)) as real,
        scene(openai=real.provider()) as s,
    ):
        await s.ask(post(chat(stream=True)))
        (record,) = await s.recorded(1)
        assert (record.outcome, record.text_sha256, record.tokens_out) == ("ok", None, 20)
