"""Faults that hit a real provider's answer on its way."""

import asyncio
import json
from typing import Any

import pytest

from harness.document import Allowance
from harness.provider.fault_kind import ActsOnAnswer
from harness.provider.inject import Limit
from harness.scenario import Inject, Window
from tests.plans import window
from tests.polling import until_async

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
    streams,
    token,
    upstream,
)

WORDS = [token(f" w{place}") for place in range(6)]
WHOLE = "".join(f" w{place}" for place in range(6))
GOOD = streams(*WORDS, FINISH, USAGE, DONE)


@pytest.mark.parametrize("inject", [Inject(status=429, retry_after=3 * 10**9), Inject(status=503, body="down")])
async def test_an_error_is_answered_without_asking_the_provider(scene: Open, inject: Inject) -> None:
    """No call, no cost, and the record has `forwarded` false."""
    async with upstream(GOOD) as real, scene(window(inject), openai=real.provider(price=PRICE)) as s:
        assert (await s.ask(post(chat()))).status == inject.status
        (record,) = await s.recorded(1)
        assert (record.forwarded, record.fault_id, record.cost_usd) == (False, "fault-1", None)
        assert real.asked == []


async def test_a_reset_does_not_ask_the_provider(scene: Open) -> None:
    """A true RST, from the edge."""
    async with upstream(GOOD) as real, scene(window(Inject(connection="reset")), openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat()))
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        assert real.asked == []


@pytest.mark.parametrize(("stream", "outcome"), [("cut", "cut"), ("reset", "reset")])
async def test_a_cut_stream_is_read_on_to_its_end(scene: Open, stream: Any, outcome: str) -> None:
    """The chain gets three tokens at once; the record has the provider's whole text and what it costs."""
    go_on = asyncio.Event()

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in WORDS[:4]))
        await go_on.wait()
        writer.write(b"".join(chunk(event) for event in (*WORDS[4:], FINISH, USAGE, DONE)) + b"0\r\n\r\n")

    fault = window(Inject(stream=stream, after_tokens=3))
    async with upstream(script) as real, scene(fault, openai=real.provider(price=PRICE)) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        async with asyncio.timeout(10):
            await client.reader.readuntil(WORDS[2])
            try:
                rest = await client.reader.read()
            except ConnectionResetError:
                rest = b"reset"
        assert rest == (b"reset" if stream == "reset" else b"\r\n")
        assert s.attempts() == []
        go_on.set()
        (record,) = await s.recorded(1)
    assert (record.outcome, record.fault_id, record.forwarded) == (outcome, "fault-1", True)
    assert (record.text_chars, record.tokens_out) == (len(WHOLE), 7)
    assert record.end_ns is not None


async def test_a_cut_stream_whose_rest_never_comes_is_on_record(scene: Open) -> None:
    """The edge does not wait for it when it ends; the provider's text is not known, so the record has none."""

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in WORDS[:4]))
        await asyncio.Event().wait()

    fault = window(Inject(stream="cut", after_tokens=3))
    async with upstream(script) as real, scene(fault, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.read()
        await s.edge.__aexit__()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.fault_id, record.text_sha256) == ("cut", "fault-1", None)


async def test_a_provider_that_breaks_while_it_is_read_on_is_not_blamed(scene: Open) -> None:
    """The fault came first."""
    go_on = asyncio.Event()

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in WORDS[:4]))
        await go_on.wait()
        writer.write(b"garbage\r\n")

    fault = window(Inject(stream="cut", after_tokens=3))
    async with upstream(script) as real, scene(fault, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.read()
        go_on.set()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.fault_id) == ("cut", "fault-1")


@pytest.mark.parametrize(
    ("inject", "body"),
    [
        (Inject(stream="no_done"), b"".join(WORDS) + FINISH + USAGE),
        (Inject(stream="end", after_tokens=2), b"".join(WORDS[:2])),
        (Inject(stream="no_usage"), b"".join(WORDS) + FINISH + DONE),
        (Inject(stream="empty"), FINISH + USAGE + DONE),
        (Inject(ttft=1_000_000), b"".join(WORDS) + FINISH + USAGE + DONE),
        (Inject(tokens_per_second=1000.0), b"".join(WORDS) + FINISH + USAGE + DONE),
        (Inject(delay=1_000_000), b"".join(WORDS) + FINISH + USAGE + DONE),
        (Inject(stream="stall", after_tokens=2, pause=1_000_000), b"".join(WORDS) + FINISH + USAGE + DONE),
    ],
    ids=lambda value: value.kind if isinstance(value, Inject) else "",
)
async def test_a_fault_changes_the_stream(scene: Open, inject: Inject, body: bytes) -> None:
    """As it does a mock's; what the provider meant stays on record, and the connection is good for another call."""
    async with upstream(GOOD) as real, scene(window(inject), openai=real.provider()) as s:
        client = await s.client()
        for _ in range(2):
            assert (await client.ask(post(chat(stream=True)))).body == body
        for record in await s.recorded(2):
            act = inject.fault_kind.act
            assert isinstance(act, ActsOnAnswer)
            assert (record.outcome, record.fault_id, record.forwarded) == (act.outcome, "fault-1", True)
            assert (record.text_chars, record.tokens_in, record.tokens_out) == (len(WHOLE), 11, 7)


async def test_a_delay_withholds_the_headers(scene: Open) -> None:
    """It counts from when the provider answered: nothing leaves before, though all has come."""
    fault = window(Inject(delay=40_000_000))
    async with upstream(GOOD) as real, scene(fault, openai=real.provider()) as s:
        await s.ask(post(chat(stream=True)))
        (record,) = await s.recorded(1)
        assert record.first_byte_ns - record.start_ns >= 40_000_000


async def test_an_error_event_ends_a_real_stream(scene: Open) -> None:
    """In the dialect's own words, after the tokens that came before."""
    fault = window(Inject(stream="error_event", after_tokens=2, error="server_error"))
    async with upstream(GOOD) as real, scene(fault, openai=real.provider()) as s:
        body = (await s.ask(post(chat(stream=True)))).body
        assert body.startswith(b"".join(WORDS[:2]) + b'data: {"error": ')
        assert json.loads(body.rpartition(b"data: ")[2])["error"]["type"] == "server_error"
        (record,) = await s.recorded(1)
        assert (record.error_code, record.text_chars) == ("server_error", len(WHOLE))


async def test_a_filtered_answer_was_meant_to_be_short(scene: Open) -> None:
    """What the content filter did not let pass, nobody misses."""
    fault = window(Inject(stream="content_filter", after_tokens=2))
    async with upstream(GOOD) as real, scene(fault, openai=real.provider()) as s:
        body = (await s.ask(post(chat(stream=True)))).body
        assert body.startswith(b"".join(WORDS[:2]))
        assert b"content_filter" in body
        (record,) = await s.recorded(1)
        assert record.text_chars == len(" w0 w1")


async def test_a_plain_answer_is_cut_half_way(scene: Open) -> None:
    """Half of the promised length, then the end."""
    body = completion("x" * 1_000)
    fault = window(Inject(stream="cut"))
    async with upstream(says("200 OK", body)) as real, scene(fault, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat()))
        raw = await client.reader.read()
        assert raw.partition(b"\r\n\r\n")[2] == body[: len(body) // 2]
        (record,) = await s.recorded(1)
        assert (record.outcome, record.text_chars) == ("cut", 1_000)


async def test_a_limit_lets_the_first_calls_through(scene: Open) -> None:
    """What is left of it is in the real answer's headers; a call that exceeds it does not reach the provider."""
    limit = Limit(requests=Allowance(2, 3600 * 10**9))
    async with upstream(GOOD) as real, scene(window(Inject(limit=limit)), openai=real.provider()) as s:
        client = await s.client()
        answers = [await client.ask(post(chat(stream=True))) for _ in range(3)]
        assert [answer.status for answer in answers] == [200, 200, 429]
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["1", "0", "0"]
        assert len(real.asked) == 2
        assert [r.forwarded for r in await s.recorded(3)] == [True, True, False]


async def test_a_client_that_leaves_a_stalled_stream_ends_the_call(scene: Open) -> None:
    """The provider has sent all of it meanwhile; the record's outcome is that the client left."""
    stall: Window = window(Inject(stream="stall", after_tokens=2, pause=3600 * 10**9))
    async with upstream(GOOD) as real, scene(stall, openai=real.provider()) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(WORDS[1])
        await until_async(lambda: s.edge._client.open_calls == set())
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.fault_id, record.tokens_out) == ("client_left", "fault-1", 7)
        assert len(real.asked) == 1
