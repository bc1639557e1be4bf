"""How attempts are joined, answered and recorded."""

import asyncio
import hashlib
import json
import socket
import time

import pytest

from harness.edge.provider_port import Exchange
from harness.edge.request import EdgeRequest
from harness.provider.marker import find_attempts
from harness.provider.reply import Send, Wait
from harness.scenario import Inject
from harness.store import EdgeAttempt, Foreign
from tests.plans import quick, window
from tests.polling import until_async

from .conftest import TOKEN, Open, Scene, chat, post

HOUR_NS = 3600 * 10**9


async def test_an_attempt_is_recorded_as_it_was(scene: Open) -> None:
    """What the edge writes down is what the client was sent, stamped in order."""
    async with scene(openai=quick(ttft=2_000_000)) as s:
        response = await s.ask(post(chat(), "X-Harness-Attempt: Key-1"))
        (record,) = await s.recorded(1)
        text = response.json["choices"][0]["message"]["content"]
        assert find_attempts(text) == (record.attempt_id,) == ("req-000001.openai.1",)
        assert (record.request_id, record.provider, record.model) == ("req-000001", "openai", "gpt-4")
        assert (record.status, record.outcome, record.fault_id) == (200, "ok", None)
        assert record.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert record.text_chars == len(text)
        assert record.tokens_out == response.json["usage"]["completion_tokens"] == 4
        assert record.tokens_in == response.json["usage"]["prompt_tokens"]
        assert record.start_ns + 2_000_000 <= record.first_byte_ns <= record.end_ns
        assert [row.key for row in s.rows() if isinstance(row, EdgeAttempt)] == ["Key-1"]


async def test_attempts_are_counted_for_each_request_and_provider(scene: Open) -> None:
    """Each request has its own first, second, … attempt at each provider."""
    async with scene(openai=quick(), azure=quick("azure")) as s:
        client, other = await s.client("openai"), await s.client("azure")
        path = "/openai/deployments/gpt-4/chat/completions?api-version=2024-06-01"
        for request_id in ("req-000001", "req-000002", "req-000001"):
            await client.ask(post(chat(request_id)))
        await other.ask(post(chat("req-000001"), path=path))
        names = [attempt.attempt_id for attempt in await s.recorded(4)]
        assert names == [
            "req-000001.openai.1",
            "req-000002.openai.1",
            "req-000001.openai.2",
            "req-000001.azure.1",
        ]


async def test_headers_name_the_request_before_the_prompt_does(scene: Open) -> None:
    """Where a gateway lets our headers through they count; half of them counts for nothing."""
    async with scene() as s:
        client = await s.client()
        run_header = f"X-Harness-Run: {TOKEN}"
        await client.ask(post(chat("req-000001"), "X-Harness-Request: req-000009", run_header))
        await client.ask(post(chat("req-000002"), "X-Harness-Request: req-000009"))
        await client.ask(post(chat("req-000003"), "X-Harness-Request: <bad>", run_header))
        found = [attempt.request_id for attempt in await s.recorded(3)]
        assert found == ["req-000009", "req-000002", "req-000003"]


@pytest.mark.parametrize("headers", [(), ("X-Harness-Request: req-000001", "X-Harness-Run: zzzz9999")])
async def test_a_call_of_another_run_is_refused_and_counted(scene: Open, headers: tuple[str, ...]) -> None:
    """Two runs on one machine do not mix: 421, a row for it, and no attempt."""
    async with scene() as s:
        response = await s.ask(post(chat(token="zzzz9999"), *headers))
        assert response.status == 421
        assert "another run" in response.json["error"]["message"]
        await until_async(lambda: any(isinstance(row, Foreign) for row in s.rows()))
        assert s.attempts() == []


async def test_a_call_without_a_request_is_an_orphan(scene: Open) -> None:
    """It is answered, and recorded under a count of its own."""
    async with scene() as s:
        client = await s.client()
        assert [(await client.ask(post(chat(None)))).status for _ in range(2)] == [200, 200]
        found = [(attempt.attempt_id, attempt.request_id) for attempt in await s.recorded(2)]
        assert found == [("orphan.openai.1", None), ("orphan.openai.2", None)]


async def test_a_look_at_the_models_is_no_attempt(scene: Open) -> None:
    """Health checks of a gateway are answered and not recorded."""
    async with scene() as s:
        client = await s.client()
        models = await client.ask(b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [model["id"] for model in models.json["data"]] == ["gpt-4"]
        assert (await client.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")).status == 404
        assert (await client.ask(b"POST /api/show HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")).status == 404
        await client.ask(post(chat()))
        assert [attempt.status for attempt in await s.recorded(1)] == [200]


async def test_without_a_token_nothing_is_joined(scene: Open) -> None:
    """A mock that is served alone refuses nobody."""
    async with scene(token=None) as s:
        assert (await s.ask(post(chat(token="zzzz9999")))).status == 200
        assert [attempt.request_id for attempt in await s.recorded(1)] == [None]


async def test_a_fault_acts_once_the_origin_is_known(scene: Open) -> None:
    """Warm-up is answered well; from the origin on the fault is served and named."""
    fault = window(Inject(status=429, error="rate_limit", retry_after=2 * 10**9))
    async with scene(fault, begin=False) as s:
        client = await s.client()
        assert (await client.ask(post(chat("warmup-000001")))).status == 200
        s.edge.begin(time.monotonic_ns() - 2 * fault.end_ns)
        assert (await client.ask(post(chat()))).status == 200  # the window ended long ago
        s.edge.begin(time.monotonic_ns())
        response = await client.ask(post(chat()))
        assert (response.status, response.headers["retry-after"]) == (429, "2")
        *well, failed = await s.recorded(3)
        assert [attempt.fault_id for attempt in well] == [None, None]
        assert (failed.fault_id, failed.outcome, failed.status) == ("fault-1", "status", 429)
        assert (failed.error_code, failed.retry_after_ns) == ("rate_limit_exceeded", 2 * 10**9)
        assert (failed.text_sha256, failed.tokens_out) == (None, None)


async def test_a_reset_reaches_the_client_as_a_reset(scene: Open) -> None:
    """A true RST, not an orderly close, and the attempt is recorded as reset without a status."""
    async with scene(window(Inject(connection="reset"))) as s:
        client = await s.client()
        await client.send(post(chat()))
        with pytest.raises(ConnectionResetError):
            await client.reader.read()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.first_byte_ns) == ("reset", None, None)
        assert record.fault_id == "fault-1"


async def test_silence_lasts_until_the_client_leaves(scene: Open) -> None:
    """A hung attempt is recorded when its client has gone, as left by it."""
    async with scene(window(Inject(connection="silent"))) as s:
        client = await s.client()
        await client.send(post(chat()))
        second = await s.client()
        await second.send(post(chat("req-000002")))
        await second.close()
        (record,) = await s.recorded(1)
        assert (record.request_id, record.outcome, record.fault_id) == ("req-000002", "client_left", "fault-1")
        assert record.end_ns > record.start_ns
        await client.close()
        assert len(await s.recorded(2)) == 2


async def test_the_edge_ends_with_connections_still_hung(scene: Open) -> None:
    """Nobody is waited for; what was open is on record as cut."""
    async with scene(window(Inject(connection="silent"))) as s:
        clients = [await s.client() for _ in range(5)]
        for client in clients:
            await client.send(post(chat()))
        await until_async(lambda: sum(c._exchange is not None for c in s.edge._connections) == 5)
        async with asyncio.timeout(5):
            await s.edge.__aexit__()
        assert [attempt.outcome for attempt in await s.recorded(5)] == ["cut"] * 5


async def test_a_client_that_leaves_a_stream_is_recorded(scene: Open) -> None:
    """The headers had left, the last token had not."""
    async with scene(openai=quick(tokens=1_000, tokens_per_second=100)) as s:
        client = await s.client()
        await client.send(post(chat(stream=True)))
        await client.reader.readuntil(b"req-000001.openai.1")
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.streaming) == ("client_left", 200, True)


@pytest.mark.parametrize("dialect", ["openai", "azure", "anthropic"])
async def test_only_tokens_that_were_sent_are_billed(scene: Open, dialect: str) -> None:
    """A client that leaves a stream after three tokens pays for three, though the answer was to have a thousand."""
    path = {"azure": "/openai/deployments/gpt-4/chat/completions", "anthropic": "/v1/messages"}
    timed = quick(dialect, tokens=1_000, tokens_per_second=0)
    async with scene(**{dialect: timed}) as s:
        stop_after_tokens(s, dialect, 3)
        client = await s.client(dialect)
        await client.send(post(chat(stream=True, max_tokens=2_000), path=path.get(dialect, "/v1/chat/completions")))
        await client.reader.readuntil(f"req-000001.{dialect}.1".encode())
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.tokens_out, record.text_chars > 1_000) == ("client_left", 3, True)


def stop_after_tokens(s: Scene, name: str, pieces: int) -> None:
    """Have a provider fall silent for an hour after so many pieces of each answer's text."""
    face = s.edge._provider_ports[name]
    take = face.take

    def halting(request: EdgeRequest, now_ns: int) -> Exchange:
        exchange = take(request, now_ns)
        reply = exchange.answer.reply
        places = [place for place, step in enumerate(reply) if isinstance(step, Send) and step.text]
        reply.insert(places[pieces - 1] + 1, Wait(HOUR_NS))
        return exchange

    face.take = halting  # type: ignore[method-assign]


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_is_billed_before_the_first_byte(scene: Open, stream: bool) -> None:
    """Who leaves while the answer is still being made pays for the prompt alone."""
    async with scene(openai=quick(ttft=HOUR_NS)) as s:
        client = await s.client()
        await client.send(post(chat(stream=stream)))
        await until_async(lambda: any(c._exchange is not None for c in s.edge._connections))
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.first_byte_ns, record.tokens_out) == ("client_left", None, 0)
        assert record.tokens_in > 0


async def test_a_plain_answer_that_has_left_is_billed_whole(scene: Open) -> None:
    """All its tokens leave at once, whatever the client does after."""
    async with scene(openai=quick(tokens=50)) as s:
        stop_after_tokens(s, "openai", 1)
        client = await s.client()
        assert (await client.ask(post(chat()))).json["usage"]["completion_tokens"] == 50
        await client.close()
        (record,) = await s.recorded(1)
        assert (record.outcome, record.tokens_out) == ("client_left", 50)


async def test_a_stream_carries_the_text_on_record(scene: Open) -> None:
    """All tokens of a timed stream arrive, in order, in a body that is properly ended."""
    async with scene(openai=quick(tokens=12, tokens_per_second=2_000)) as s:
        client = await s.client()
        response = await client.ask(post(chat(stream=True)))
        events = [line[6:] for line in response.body.decode().split("\n\n") if line.startswith("data: {")]
        text = "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events)
        assert response.body.endswith(b"data: [DONE]\n\n")
        (record,) = await s.recorded(1)
        assert record.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert record.end_ns - record.start_ns >= 11 * 500_000
        assert (await client.ask(post(chat()))).status == 200  # the connection is still good


@pytest.mark.parametrize("how", ["close", "shutdown"])
async def test_a_client_that_is_done_sending_has_left(scene: Open, how: str) -> None:
    """A FIN ends the attempt at once, long before the answer's time: whether anybody still reads, it does not say."""
    async with scene(openai=quick(ttft=HOUR_NS)) as s:
        with socket.create_connection(("127.0.0.1", s.edge.ports["openai"])) as client:
            client.sendall(post(chat()))
            await until_async(lambda: any(c._exchange is not None for c in s.edge._connections))
            if how == "shutdown":
                client.shutdown(socket.SHUT_WR)
            else:
                client.close()
            (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.tokens_out) == ("client_left", None, 0)


@pytest.mark.parametrize(
    ("inject", "stream"),
    [
        (Inject(status=429, error="quota", retry_after=10**9), False),
        (Inject(stream="cut", after_tokens=2), True),
        (Inject(stream="error_event", after_tokens=2), True),
    ],
)
async def test_a_fault_that_the_client_did_not_wait_for_has_not_fired(
    scene: Open, inject: Inject, stream: bool
) -> None:
    """It changed nothing on the wire, and the delay that it would have sent was not sent."""
    late = window(Inject(delay=HOUR_NS), fault_id="late")
    windows = (window(inject),) if stream else (window(inject), late)
    async with scene(*windows, openai=quick(tokens_per_second=1e-3)) as s:
        client = await s.client()
        await client.send(post(chat(stream=stream)))
        if stream:
            await client.reader.readuntil(b"<<")
        else:
            await until_async(lambda: any(link._exchange for link in s.edge._connections))
        await client.close()
        (record,) = await s.recorded(1)
        assert record.outcome == "client_left"
        assert (record.fault_id, record.other_faults) == (None if stream else "late", ())
        assert (record.retry_after_ns, record.error_code) == (None, None)
