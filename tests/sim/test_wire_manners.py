"""What a library makes of each fault on a connection in memory is what it makes of it on a socket."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import aiohttp
import httpx
import pytest

from harness.chain import Provider, ReplySpec
from harness.drivers.litellm_router.router import silence
from harness.drivers.recorder import Recorder, working_on
from harness.drivers.reference.calls import outgoing
from harness.drivers.reference.wire import BrokenError, ReferenceWire, Sockets
from harness.drivers.watched import watched
from harness.edge import Edge
from harness.edge.provider_port import ProviderPort
from harness.history.records import ChainAttempt
from harness.live.toxiproxy.port import Port
from harness.provider import decide
from harness.scenario import Inject, Timeline, Window
from harness.sim.clock import Clock, run
from harness.sim.network import Network
from harness.sim.sockets import base_urls, connected
from harness.sim.wire import SimWire
from tests.plans import window

silence()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

PROVIDER = Provider(dialect="openai", model="gpt-4", reply=ReplySpec(ttft=0, tokens=8, tokens_per_second=0))
ASKED = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
INJECTS = {
    "reset": Inject(connection="reset"),
    "close": Inject(connection="close"),
    "silent": Inject(connection="silent"),
    "cut in a stream": Inject(stream="cut", after_tokens=2),
    "reset in a stream": Inject(stream="reset", after_tokens=2),
    "cut": Inject(stream="cut"),
    "reset in a body": Inject(stream="reset"),
}


async def _httpx(url: str, body: str, timeout_s: float) -> AsyncIterator[bytes]:
    async with httpx.AsyncClient(timeout=timeout_s) as client, client.stream("POST", url, content=body) as response:
        yield b""
        async for data in response.aiter_bytes():
            yield data


async def _litellm(url: str, body: str, timeout_s: float) -> AsyncIterator[bytes]:
    handler = AsyncHTTPHandler(timeout=timeout_s)
    try:
        async with handler.client.stream("POST", url, content=body) as response:
            yield b""
            async for data in response.aiter_bytes():
                yield data
    finally:
        await handler.close()


async def _aiohttp(url: str, body: str, timeout_s: float) -> AsyncIterator[bytes]:
    patience = aiohttp.ClientTimeout(sock_connect=timeout_s, sock_read=timeout_s)
    async with aiohttp.ClientSession(timeout=patience) as session, session.post(url, data=body) as response:
        yield b""
        async for data in response.content.iter_any():
            yield data


Call = Callable[[str, str, float], AsyncIterator[bytes]]
CALLS: dict[str, Call] = {"httpx": _httpx, "litellm": _litellm, "aiohttp": _aiohttp}
Told = tuple[str, bool, list[tuple[str, int | None]]]


async def told(call: Call, url: str, *, streaming: bool) -> Told:
    """Return the error's kind, whether the headers had come, and the attempts as recorded."""
    rows: list[ChainAttempt] = []
    recorder = Recorder({"openai": PROVIDER}, {"openai": url}, rows.append)
    kind, answered = "whole", False
    with watched(recorder), working_on("req-000001"):
        try:
            async for _ in call(f"{url}/v1/chat/completions", json.dumps({**ASKED, "stream": streaming}), 0.3):
                answered = True
        except (httpx.TransportError, aiohttp.ClientError, TimeoutError) as error:
            kind = type(error).__name__
    recorder.close()
    return kind, answered, [(row.outcome, row.status) for row in rows]


def live(call: Call, windows: tuple[Window, ...], *, streaming: bool) -> Told:
    """Ask a real edge on a socket."""

    async def story() -> Told:
        async with Edge({"openai": PROVIDER}, windows=windows) as edge:
            edge.begin(0)
            return await told(call, f"http://127.0.0.1:{edge.ports['openai']}", streaming=streaming)

    return asyncio.run(story())


@asynccontextmanager
async def in_memory(clock: Clock, windows: tuple[Window, ...], provider: Provider = PROVIDER) -> AsyncIterator[str]:
    """Give the address of the provider in virtual time."""
    made = network(clock, windows, provider)
    addresses = base_urls(["openai"])
    with connected(made, addresses):
        yield addresses["openai"]
    made.close()


def simulated(call: Call, windows: tuple[Window, ...], *, streaming: bool) -> Told:
    """Ask in virtual time."""

    async def main(clock: Clock) -> Told:
        async with in_memory(clock, windows) as url:
            return await told(call, url, streaming=streaming)

    return run(main)


def network(clock: Clock, windows: tuple[Window, ...], provider: Provider = PROVIDER) -> Network:
    """Return the provider in virtual time."""
    faults = decide.begin("openai", seed=0, windows=windows)
    face = ProviderPort("openai", provider, token=None, faults=faults, capture=None)
    face.origin_ns = 0
    return Network({"openai": face}, Timeline(windows=windows), clock, seed=1)


@pytest.mark.system
@pytest.mark.parametrize("library", CALLS)
@pytest.mark.parametrize("name", INJECTS)
def test_a_fault_is_the_same_in_both(library: str, name: str) -> None:
    """The library's error, whether the headers had come, and what the recorder calls it."""
    windows = (window(INJECTS[name]),)
    streaming = "stream" in name
    found = simulated(CALLS[library], windows, streaming=streaming)
    real = live(CALLS[library], windows, streaming=streaming)
    if name.startswith("reset in"):  # on a real socket the reset may overtake the headers, or some of what was sent
        assert real in (found, simulated(CALLS[library], (window(INJECTS["reset"]),), streaming=streaming))
    else:
        assert real == found


@pytest.mark.parametrize("library", CALLS)
def test_an_answer_that_trickles_tries_no_patience(library: str) -> None:
    """A read timeout is about silence: bytes that come, however slowly, are none."""
    slow = window(Inject(connection="throttle", bytes_per_second=100))

    async def main(clock: Clock) -> tuple[Told, int]:
        async with in_memory(clock, (slow,)) as url:
            return await told(CALLS[library], url, streaming=False), clock.now_ns

    found, took_ns = run(main)
    assert found == ("whole", True, [("ok", 200)])
    assert took_ns > 3 * 10**9


@pytest.mark.parametrize("kind", ["refused", "unreachable"])
def test_an_answer_that_ends_as_the_port_closes_leaves_no_connection_behind(kind: str) -> None:
    """The next call needs a new one, which it does not get."""

    async def twice(url: str) -> list[str]:
        ended = []
        async with httpx.AsyncClient(timeout=0.3) as client:
            for _ in range(2):
                try:
                    await client.post(f"{url}/v1/chat/completions", json={**ASKED, "stream": False})
                    ended.append("whole")
                except httpx.TransportError as error:
                    ended.append(type(error).__name__)
        return ended

    def story(*windows: Window) -> tuple[list[str], int]:
        async def main(clock: Clock) -> tuple[list[str], int]:
            async with in_memory(clock, windows, replace(SLOW, reply=ReplySpec(ttft=10**8))) as url:
                return await twice(url), clock.now_ns

        return run(main)

    _ended, took_ns = story()
    closing = replace(window(Inject(connection=kind)), start_ns=took_ns // 2)
    assert story(closing)[0] == ["whole", "ConnectError" if kind == "refused" else "ConnectTimeout"]


@contextmanager
def closed(kind: str) -> Iterator[str]:
    """Give the address of a port that accepts no connection: nobody listens there, or tries are ignored."""
    port = Port("127.0.0.1:0", what="a test")
    if kind == "unreachable":
        port.ignore()
    try:
        yield f"http://{port.address}"
    finally:
        port.close()


@pytest.mark.system
@pytest.mark.parametrize("library", CALLS)
@pytest.mark.parametrize(("kind", "outcome"), [("refused", "refused"), ("unreachable", "timeout")])
def test_a_port_without_connections_is_the_same_in_both(library: str, kind: str, outcome: str) -> None:
    """Refused, or timed out before there was a connection."""
    with closed(kind) as url:
        real = asyncio.run(told(CALLS[library], url, streaming=False))
    assert real == simulated(CALLS[library], (window(Inject(connection=kind)),), streaming=False)
    assert real[1:] == (False, [(outcome, None)])


@pytest.mark.system
@pytest.mark.parametrize(("kind", "outcome"), [("refused", "refused"), ("unreachable", "timeout")])
def test_a_port_without_connections_is_the_same_to_the_reference_chain(kind: str, outcome: str) -> None:
    """What its wire calls it."""

    async def on_sockets(url: str) -> object:
        async with aiohttp.ClientSession() as session:
            return await ended(Sockets(session, {"openai": url}), streaming=False)

    with closed(kind) as url:
        real = asyncio.run(on_sockets(url))
    windows = (window(Inject(connection=kind)),)
    assert real == run(lambda clock: ended(SimWire(network(clock, windows)), streaming=False)) == (outcome, False)


SLOW = replace(PROVIDER, reply=ReplySpec(ttft=0, tokens=8, tokens_per_second=50))


async def abandoned(url: str) -> tuple[str, bool, list[tuple[str, int | None]]]:
    """Return how a stream of LiteLLM's client ends that is closed under it: the error, whether text came, the attempts."""
    rows: list[ChainAttempt] = []
    recorder = Recorder({"openai": SLOW}, {"openai": url}, rows.append)
    kind, text = "whole", b""
    with watched(recorder):
        client = AsyncHTTPHandler(timeout=5).client
        body = json.dumps({**ASKED, "stream": True})
        response = await client.send(
            client.build_request("POST", f"{url}/v1/chat/completions", content=body), stream=True
        )
        await client.aclose()
        try:
            async for data in response.aiter_bytes():
                text += data
        except httpx.TransportError as error:
            kind = type(error).__name__
    recorder.close()
    return kind, bool(text), [(row.outcome, row.status) for row in rows]


@pytest.mark.system
def test_a_stream_ends_with_the_client_that_it_came_by() -> None:
    """LiteLLM sends again by a client that it closes before the stream is read."""

    async def on_sockets() -> object:
        async with Edge({"openai": SLOW}) as edge:
            return await abandoned(f"http://127.0.0.1:{edge.ports['openai']}")

    async def main(clock: Clock) -> object:
        async with in_memory(clock, (), SLOW) as url:
            found = await abandoned(url)
        assert clock.now_ns == 0
        return found

    found = run(main)
    assert found == asyncio.run(on_sockets())
    assert found == ("ReadError", True, [("client_left", 200)])


async def ended(wire: ReferenceWire, *, streaming: bool) -> tuple[str, bool]:
    """Return how an exchange of the reference chain ended, and whether the headers had come."""
    answered = False
    try:
        async with asyncio.timeout(0.3):
            incoming = await wire.send("openai", outgoing(PROVIDER, "chat", {**ASKED, "stream": streaming}, "key"))
            answered = True
            try:
                async for _ in incoming.body():
                    pass
            finally:
                incoming.leave()
    except BrokenError as broken:
        return broken.outcome, answered
    except TimeoutError:
        return "timeout", answered
    return "ok", answered


@pytest.mark.system
@pytest.mark.parametrize("name", INJECTS)
def test_a_fault_is_the_same_to_the_reference_chain(name: str) -> None:
    """What its wire calls it, and whether the headers had come."""
    streaming = "stream" in name

    async def on_sockets() -> object:
        async with (
            Edge({"openai": PROVIDER}, windows=(window(INJECTS[name]),)) as edge,
            aiohttp.ClientSession() as session,
        ):
            edge.begin(0)
            urls = {"openai": f"http://127.0.0.1:{edge.ports['openai']}"}
            return await ended(Sockets(session, urls), streaming=streaming)

    found = run(lambda clock: ended(SimWire(network(clock, (window(INJECTS[name]),))), streaming=streaming))
    real = asyncio.run(on_sockets())
    if name.startswith("reset in"):
        assert real in {found, ("reset", False)}
    else:
        assert real == found
