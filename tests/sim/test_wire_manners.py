"""What a client's transport makes of each fault in virtual time is what it makes of it on a socket."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from aiohttp import ClientSession

from harness.chain import Provider, ReplySpec
from harness.drivers.recorder import read_httpx_error
from harness.drivers.reference.calls import outgoing
from harness.drivers.reference.wire import BrokenError, ReferenceWire, Sockets
from harness.edge import Edge
from harness.edge.provider_port import ProviderPort
from harness.live.toxiproxy.port import Port
from harness.provider import decide
from harness.scenario import Inject, Timeline, Window
from harness.sim.clock import Clock, run
from harness.sim.http import ErrorStyle, Transport, base_url
from harness.sim.network import Network
from harness.sim.wire import SimWire

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


def _aiohttp() -> httpx.AsyncBaseTransport:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # LiteLLM's import has some
        return _litellm_s()


def _litellm_s() -> httpx.AsyncBaseTransport:
    from aiohttp import ClientSession  # noqa: PLC0415 - slow
    from litellm.llms.custom_httpx.aiohttp_transport import LiteLLMAiohttpTransport  # noqa: PLC0415 - as above

    transport: httpx.AsyncBaseTransport = LiteLLMAiohttpTransport(client=ClientSession)
    return transport


REAL: dict[ErrorStyle, Callable[[], httpx.AsyncBaseTransport]] = {
    "httpx": httpx.AsyncHTTPTransport,
    "aiohttp": _aiohttp,
}


async def told(transport: httpx.AsyncBaseTransport, url: str, *, streaming: bool) -> tuple[str, str, bool]:
    """Return the error's kind, what the recorder makes of it, and whether the headers had come."""
    body = json.dumps({**ASKED, "stream": streaming})
    answered = False
    async with httpx.AsyncClient(transport=transport, timeout=0.3) as client:
        try:
            async with client.stream("POST", f"{url}/v1/chat/completions", content=body) as response:
                answered = True
                async for _ in response.aiter_bytes():
                    pass
        except httpx.TransportError as error:
            return type(error).__name__, read_httpx_error(error, answered=answered)[0], answered
    return "whole", "ok", answered


def live(make: Callable[[], httpx.AsyncBaseTransport], windows: tuple[Window, ...], *, streaming: bool) -> object:
    """Ask a real edge on a socket."""

    async def story() -> object:
        async with Edge({"openai": PROVIDER}, windows=windows) as edge:
            edge.begin(0)
            return await told(make(), f"http://127.0.0.1:{edge.ports['openai']}", streaming=streaming)

    return asyncio.run(story())


def simulated(manner: ErrorStyle, windows: tuple[Window, ...], *, streaming: bool) -> object:
    """Ask in virtual time."""

    async def main(clock: Clock) -> object:
        transport = Transport(network(clock, windows), ["openai"], manner=manner)
        return await told(transport, base_url("openai"), streaming=streaming)

    return run(main)


def network(clock: Clock, windows: tuple[Window, ...], provider: Provider = PROVIDER) -> Network:
    """Return the provider in virtual time."""
    faults = decide.begin("openai", seed=0, windows=windows)
    face = ProviderPort("openai", provider, token=None, faults=faults, capture=None)
    face.origin_ns = 0
    return Network({"openai": face}, Timeline(windows=windows), clock, seed=1)


def window(inject: Inject) -> Window:
    """Return a window that is open all the time."""
    return Window(fault_id="fault-1", provider="openai", start_ns=0, end_ns=10**18, inject=inject)


@pytest.mark.system
@pytest.mark.parametrize("manner", ["httpx", "aiohttp"])
@pytest.mark.parametrize("name", INJECTS)
def test_a_fault_is_the_same_error_in_both(manner: ErrorStyle, name: str) -> None:
    """Its kind, what the recorder calls it, and whether the headers had come."""
    windows = (window(INJECTS[name]),)
    streaming = "stream" in name
    found = simulated(manner, windows, streaming=streaming)
    real = live(REAL[manner], windows, streaming=streaming)
    if name.startswith("reset in"):  # on a real socket the reset may overtake the headers, or some of what was sent
        assert real in {found, simulated(manner, (window(INJECTS["reset"]),), streaming=streaming)}
    else:
        assert real == found


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
@pytest.mark.parametrize("manner", ["httpx", "aiohttp"])
@pytest.mark.parametrize(("kind", "outcome"), [("refused", "refused"), ("unreachable", "timeout")])
def test_a_port_without_connections_is_the_same_error_in_both(manner: ErrorStyle, kind: str, outcome: str) -> None:
    """Refused, or timed out before there was a connection."""
    with closed(kind) as url:
        real = asyncio.run(told(REAL[manner](), url, streaming=False))
    assert real == simulated(manner, (window(Inject(connection=kind)),), streaming=False)
    assert real[0].startswith("Connect")
    assert real[1:] == (outcome, False)


@pytest.mark.system
@pytest.mark.parametrize(("kind", "outcome"), [("refused", "refused"), ("unreachable", "timeout")])
def test_a_port_without_connections_is_the_same_to_the_reference_chain(kind: str, outcome: str) -> None:
    """What its wire calls it."""

    async def on_sockets(url: str) -> object:
        async with ClientSession() as session:
            return await ended(Sockets(session, {"openai": url}), streaming=False)

    with closed(kind) as url:
        real = asyncio.run(on_sockets(url))
    windows = (window(Inject(connection=kind)),)
    assert real == run(lambda clock: ended(SimWire(network(clock, windows)), streaming=False)) == (outcome, False)


SLOW = replace(PROVIDER, reply=ReplySpec(ttft=0, tokens=8, tokens_per_second=50))


async def abandoned(transport: httpx.AsyncBaseTransport, url: str) -> tuple[str, str, bool]:
    """Return how a stream ends whose client is closed under it: the error, the recorder's word, whether text came before."""
    client = httpx.AsyncClient(transport=transport, timeout=5)
    request = client.build_request("POST", f"{url}/v1/chat/completions", content=json.dumps({**ASKED, "stream": True}))
    response = await client.send(request, stream=True)
    await client.aclose()
    text = b""
    try:
        async for data in response.aiter_bytes():
            text += data
    except httpx.TransportError as error:
        return type(error).__name__, read_httpx_error(error, answered=True)[0], bool(text)
    return "whole", "ok", bool(text)


@pytest.mark.system
def test_a_stream_ends_with_the_client_that_it_came_by() -> None:
    """LiteLLM sends again by a client that it closes before the stream is read."""

    async def on_sockets() -> object:
        async with Edge({"openai": SLOW}) as edge:
            return await abandoned(_aiohttp(), f"http://127.0.0.1:{edge.ports['openai']}")

    async def main(clock: Clock) -> object:
        transport = Transport(network(clock, (), SLOW), ["openai"], manner="aiohttp")
        found = await abandoned(transport, base_url("openai"))
        assert clock.now_ns == 0
        return found

    assert run(main) == asyncio.run(on_sockets()) == ("ReadError", "cut", True)


@pytest.mark.parametrize("manner", ["httpx", "aiohttp"])
@pytest.mark.parametrize("ends", ["cut", "left"])
def test_a_client_closes_quietly_over_a_stream_that_nobody_reads_any_more(manner: ErrorStyle, ends: str) -> None:
    """Whether the stream broke, or its reader was stopped: neither has closed it, and closing is no error of its own."""
    inject = Inject(stream="cut", after_tokens=2) if ends == "cut" else Inject(stream="stall", after_tokens=2)

    async def main(clock: Clock) -> None:
        transport = Transport(network(clock, (window(inject),), SLOW), ["openai"], manner=manner)
        client = httpx.AsyncClient(transport=transport, timeout=5)
        body = json.dumps({**ASKED, "stream": True})
        request = client.build_request("POST", f"{base_url('openai')}/v1/chat/completions", content=body)
        response = await client.send(request, stream=True)
        with pytest.raises((httpx.TransportError, TimeoutError)):
            await asyncio.wait_for(response.aread(), 1)
        await client.aclose()
        await response.aclose()

    run(main)


async def ended(wire: ReferenceWire, *, streaming: bool) -> tuple[str, bool]:
    """Return how an exchange of the reference chain ended, and whether the headers had come."""
    answered = False
    try:
        async with asyncio.timeout(0.3):
            incoming = await wire.send("openai", outgoing(PROVIDER, {**ASKED, "stream": streaming}, "key"))
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
        async with Edge({"openai": PROVIDER}, windows=(window(INJECTS[name]),)) as edge, ClientSession() as session:
            edge.begin(0)
            urls = {"openai": f"http://127.0.0.1:{edge.ports['openai']}"}
            return await ended(Sockets(session, urls), streaming=streaming)

    found = run(lambda clock: ended(SimWire(network(clock, (window(INJECTS[name]),))), streaming=streaming))
    real = asyncio.run(on_sockets())
    if name.startswith("reset in"):
        assert real in {found, ("reset", False)}
    else:
        assert real == found
