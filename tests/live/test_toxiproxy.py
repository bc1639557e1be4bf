"""A real Toxiproxy does to connections what the scenario says, and is ours from its first answer to its end."""

import asyncio
import contextlib
import http.server
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.errors import HarnessError
from harness.history.records import FaultEvent
from harness.live.nemesis import Nemesis
from harness.live.toxiproxy import Binary, Toxiproxy, client, provision, server
from harness.live.toxiproxy.client import Client, WedgedError
from harness.live.toxiproxy.port import Port
from harness.scenario import Inject, Timeline, Window

pytestmark = pytest.mark.system

MS = 10**6
DELAY_NS = 300 * MS


@pytest.fixture(scope="session")
def binary() -> Binary:
    """Return a Toxiproxy server; the first run on a machine may have to build it."""
    return provision()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line with `ok`; close on `close`, before or after an answer, as the edge does for a reset."""
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            if line.startswith(b"half"):
                writer.write(b"half an ans")
                await writer.drain()
            if line.strip() in {b"half", b"close"}:
                break
            writer.write(b"ok\n")
            await writer.drain()
    writer.close()


class World:
    """A Toxiproxy in front of one provider."""

    def __init__(self, toxiproxy: Toxiproxy, address: str, upstream: str) -> None:
        self.toxiproxy = toxiproxy
        self.address = address
        self.upstream = upstream
        host, port = address.split(":")
        self.peer = (host, int(port))

    async def call(self) -> tuple[bytes, int]:
        """Ask once on a new connection; return the answer and how long it took, in nanoseconds."""
        reader, writer = await asyncio.open_connection(*self.peer)
        with contextlib.closing(writer):
            return await ask(reader, writer)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[bytes, int]:
    """Ask once on an open connection."""
    began_ns = time.monotonic_ns()
    writer.write(b"?\n")
    return await reader.readline(), time.monotonic_ns() - began_ns


@contextlib.asynccontextmanager
async def world(binary: Binary, folder: Path) -> AsyncIterator[World]:
    """Start a provider and a Toxiproxy in front of it."""
    provider = await asyncio.start_server(_serve, "127.0.0.1", 0)
    upstream = f"127.0.0.1:{provider.sockets[0].getsockname()[1]}"
    async with provider, Toxiproxy.start(binary.path, log=folder / "toxiproxy.log") as toxiproxy:
        yield World(toxiproxy, await toxiproxy.add(NAME, upstream=upstream), upstream)


NAME = "openai/gpt 4"

Story = Callable[[World], Coroutine[Any, Any, None]]


def tell(binary: Binary, folder: Path, story: Story) -> None:
    """Run a story in a world of its own."""

    async def whole() -> None:
        async with world(binary, folder) as made:
            await story(made)

    asyncio.run(whole())


def raw_end(peer: tuple[str, int], say: bytes) -> tuple[bytes, str]:
    """Say something on a bare socket; return what came, and how the connection ended."""
    got = b""
    with socket.create_connection(peer, timeout=20) as connection:
        connection.sendall(say)
        try:
            while piece := connection.recv(100):
                got += piece
        except ConnectionResetError:
            return got, "RST"
    return got, "FIN"


@pytest.mark.parametrize(("say", "got"), [(b"close\n", b""), (b"?\nclose\n", b"ok\n"), (b"half\n", b"half an ans")])
def test_close_at_the_edge_reaches_the_caller_as_reset(binary: Binary, tmp_path: Path, say: bytes, got: bytes) -> None:
    """Before an answer, after one and in the midst of one, the caller sees an RST; without Toxiproxy, a mere FIN."""

    async def story(made: World) -> None:
        received, end = await asyncio.to_thread(raw_end, made.peer, say)
        assert end == "RST"
        assert got.startswith(received)
        host, port = made.upstream.split(":")
        assert await asyncio.to_thread(raw_end, (host, int(port)), say) == (got, "FIN")

    tell(binary, tmp_path, story)


def test_refused_is_refused_and_comes_back_at_the_same_port(binary: Binary, tmp_path: Path) -> None:
    """New connections are refused by the system, open ones are reset; afterwards all is as before."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        assert (await ask(reader, writer))[0] == b"ok\n"
        await made.toxiproxy.refuse(NAME)
        with pytest.raises(ConnectionRefusedError):
            await made.call()
        with pytest.raises(ConnectionResetError):
            await ask(reader, writer)
        writer.close()
        await made.toxiproxy.accept(NAME)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_port_of_a_refusing_provider_stays_its_own(binary: Binary, tmp_path: Path) -> None:
    """While nobody listens there the system gives the port to no other listener and to no caller."""

    async def story(made: World) -> None:
        await made.toxiproxy.refuse(NAME)
        with contextlib.ExitStack() as taken:
            others = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(500)]
            assert made.peer not in [other.getsockname() for other in others]
            await made.toxiproxy.accept(NAME)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_slow_delays_old_and_new_connections(binary: Binary, tmp_path: Path) -> None:
    """Kept-alive connections are hit as new ones are, and both are fast again afterwards."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        await ask(reader, writer)
        await made.toxiproxy.slow(NAME, delay_ns=DELAY_NS)
        for answer, took_ns in (await made.call(), await ask(reader, writer)):
            assert answer == b"ok\n"
            assert took_ns >= DELAY_NS
        await made.toxiproxy.slow(NAME, delay_ns=DELAY_NS // 2, jitter_ns=DELAY_NS // 4)
        assert (await ask(reader, writer))[1] >= DELAY_NS // 4
        await made.toxiproxy.unslow(NAME)
        for call in (made.call, lambda: ask(reader, writer)):
            assert min([(await call())[1] for _ in range(10)]) < DELAY_NS // 4
        writer.close()

    tell(binary, tmp_path, story)


def test_end_of_a_delay_lets_go_of_what_was_held(binary: Binary, tmp_path: Path) -> None:
    """A delay that is taken away in the midst of an answer loses nothing and does not hang the server."""

    async def story(made: World) -> None:
        await made.toxiproxy.slow(NAME, delay_ns=3600 * 10**9)
        held = [asyncio.create_task(made.call()) for _ in range(50)]
        await asyncio.to_thread(_wait_for_connections, made.peer, 50)
        await made.toxiproxy.unslow(NAME)
        assert {answer for answer, _took in await asyncio.gather(*held)} == {b"ok\n"}
        assert made.toxiproxy.restarts == 0

    tell(binary, tmp_path, story)


def _wait_for_connections(peer: tuple[str, int], count: int) -> None:
    deadline = time.monotonic() + 20
    while count != sum(c.raddr == peer for c in psutil.Process().net_connections("tcp")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_call_misses_a_change(binary: Binary, tmp_path: Path) -> None:
    """A hundred times over, the very next connection after a change meets it."""

    async def story(made: World) -> None:
        for _ in range(50):
            await made.toxiproxy.refuse(NAME)
            with pytest.raises(ConnectionRefusedError):
                await made.call()
            await made.toxiproxy.accept(NAME)
            assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_nemesis_keeps_its_windows_on_a_real_server(binary: Binary, tmp_path: Path) -> None:
    """A stream of calls is refused, then slow, each for one unbroken time within the told one, and clean otherwise."""
    delay_ns = 1000 * MS
    timeline = Timeline(
        windows=(
            _window(1, 100, 400, Inject(connection="refused")),
            _window(2, 500, 2700, Inject(connection="slow", delay=delay_ns)),
        )
    )
    calls: list[tuple[int, int, str]] = []
    events: list[FaultEvent] = []

    async def call(made: World) -> None:
        began_ns = time.monotonic_ns()
        result = "ok"
        try:
            if (await made.call())[1] >= delay_ns:
                result = "slow"
        except OSError:  # refused, or reset where it was under way just then
            result = "refused"
        calls.append((began_ns, time.monotonic_ns(), result))

    async def story(made: World) -> None:
        origin_ns = time.monotonic_ns()
        async with Nemesis(timeline, made.toxiproxy, origin_ns=origin_ns, put=events.append):
            while time.monotonic_ns() < origin_ns + 2800 * MS:
                await call(made)
                await asyncio.sleep(0.002)
        await call(made)

    tell(binary, tmp_path, story)
    assert [event.error for event in events] == [None, None]
    assert [result for result, _calls in itertools.groupby(result for *_, result in calls)] == [
        "ok",
        "refused",
        "ok",
        "slow",
        "ok",
    ]
    for began_ns, ended_ns, result in calls:
        touching = {e.kind for e in events if e.applied_ns <= ended_ns and began_ns <= e.reverted_ns}  # type: ignore[operator]
        assert result in touching | {"ok"}


def _window(fault: int, start_ms: int, end_ms: int, inject: Inject) -> Window:
    return Window(
        fault_id=f"fault-{fault}",
        provider=NAME,
        start_ns=start_ms * MS,
        end_ns=end_ms * MS,
        inject=inject,
        share=1.0,
        text="",
    )


def test_port_in_use_is_named(binary: Binary, tmp_path: Path) -> None:
    """A fixed address that another program has is the user's to free."""

    async def story(made: World) -> None:
        with pytest.raises(HarnessError, match=rf"provider 'azure': cannot listen on {made.upstream}"):
            await made.toxiproxy.add("azure", upstream=made.upstream, listen=made.upstream)
        with pytest.raises(HarnessError, match="'somewhere' is no address"):
            await made.toxiproxy.add("azure", upstream=made.upstream, listen="somewhere")

    tell(binary, tmp_path, story)


def test_fixed_address_is_listened_on(binary: Binary, tmp_path: Path) -> None:
    """A gateway that is pointed at a fixed port finds the provider there."""
    with contextlib.closing(Port("127.0.0.1:0", what="test")) as port:
        address = port.address

    async def story(made: World) -> None:
        assert await made.toxiproxy.add("azure", upstream=made.upstream, listen=address) == address
        assert (await World(made.toxiproxy, address, made.upstream).call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def api_port(toxiproxy: Toxiproxy) -> int:
    """Return the port of a server's API."""
    argv = toxiproxy._server.child._argv
    return int(argv[argv.index("-port") + 1])


def hang(toxiproxy: Toxiproxy) -> None:
    """Stop a server's threads, which takes a moment: return when it answers no more."""
    os.killpg(toxiproxy._server.child.pid, signal.SIGSTOP)
    with contextlib.suppress(TimeoutError):
        while True:
            with socket.create_connection(("127.0.0.1", api_port(toxiproxy)), timeout=0.2) as connection:
                connection.sendall(b"GET /version HTTP/1.0\r\n\r\n")
                connection.recv(1)


def test_hung_server_is_replaced_as_it_should_be(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one has the same proxies on the same ports, in the state that was asked for."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.5)

    async def story(made: World) -> None:
        other = World(made.toxiproxy, await made.toxiproxy.add("azure", upstream=made.upstream), made.upstream)
        await made.toxiproxy.slow("azure", delay_ns=DELAY_NS)
        await asyncio.to_thread(hang, made.toxiproxy)
        await made.toxiproxy.refuse(NAME)
        assert made.toxiproxy.restarts == 1
        with pytest.raises(ConnectionRefusedError):
            await made.call()
        assert (await other.call())[1] >= DELAY_NS
        await made.toxiproxy.accept(NAME)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_loop_goes_on_while_a_server_hangs(binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner's other work does not wait for Toxiproxy's answer."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.5)

    async def story(made: World) -> None:
        await asyncio.to_thread(hang, made.toxiproxy)
        change = asyncio.create_task(made.toxiproxy.refuse(NAME))
        turns = 0
        while not change.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 5

    tell(binary, tmp_path, story)


def test_death_of_the_server_is_told(binary: Binary, tmp_path: Path) -> None:
    """A run without its Toxiproxy must not go on as if nothing were."""

    async def story(made: World) -> None:
        os.killpg(made.toxiproxy._server.child.pid, signal.SIGKILL)
        assert "toxiproxy: ended before its time (signal SIGKILL)" in str(await made.toxiproxy.died())

    tell(binary, tmp_path, story)


def test_stranger_on_the_port_is_not_taken_for_ours(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another run's Toxiproxy has the port, ours gets another one and the other is left alone."""

    async def story(made: World) -> None:
        taken = api_port(made.toxiproxy)
        asked: list[int] = []

        class FirstTaken(Port):
            def __init__(self, listen: str, *, what: str) -> None:
                super().__init__(listen, what=what)
                asked.append(self.number)
                if what == "toxiproxy" and len(asked) == 1:
                    self.number = taken

        monkeypatch.setattr(server, "Port", FirstTaken)
        async with Toxiproxy.start(binary.path, log=tmp_path / "ours.log") as ours:
            assert api_port(ours) != taken
            assert len(asked) == 2
        # The library knows one server per process, so the other is asked through a client of its own again.
        assert await asyncio.to_thread(Client(taken).proxies) == {"proxy-1"}
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


@pytest.mark.parametrize("way", ["return", "error", "cancel"])
def test_nothing_is_left_of_a_server(binary: Binary, tmp_path: Path, way: str) -> None:
    """Its process and its port are gone, however the run ends."""
    seen: list[World] = []

    async def story(made: World) -> None:
        seen.append(made)
        if way == "error":
            raise KeyError(way)
        if way == "cancel":
            raise asyncio.CancelledError

    with contextlib.suppress(KeyError, asyncio.CancelledError):
        tell(binary, tmp_path, story)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(seen[0].peer)
    with pytest.raises(ProcessLookupError):
        os.killpg(seen[0].toxiproxy._server.child.pid, 0)


def test_server_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    """Its own words are in the error."""
    broken = tmp_path / "toxiproxy-server"
    broken.write_text("#!/bin/sh\necho no such option\nexit 2\n")
    broken.chmod(0o755)

    async def story() -> None:
        async with Toxiproxy.start(broken, log=tmp_path / "log"):
            pass

    with pytest.raises(
        HarnessError, match=r"^toxiproxy: ended before its time \(exit code 2\)\n(.*\n)*.*no such option"
    ):
        asyncio.run(story())


@pytest.mark.parametrize(("delay_ns", "jitter_ns"), [(-1 * MS, 0), (5 * MS, 6 * MS), (5 * MS, -1 * MS), (10**18, 0)])
def test_values_that_would_crash_the_server_are_not_sent(
    binary: Binary, tmp_path: Path, delay_ns: int, jitter_ns: int
) -> None:
    """They are an error here, and the server lives on."""

    async def story(made: World) -> None:
        with pytest.raises(HarnessError, match="is not possible"):
            await made.toxiproxy.slow(NAME, delay_ns=delay_ns, jitter_ns=jitter_ns)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        """Answer with the status of the test."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"error": "bind: address already in use"}')

    do_GET = do_POST  # noqa: N815 - the base class's names

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def api() -> Iterator[int]:
    """Yield the port of something that answers like an API in trouble."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield web.server_address[1]
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [400, 404, 409, 418, 500, 503])
def test_no_failure_passes_for_success(api: int, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """The library takes a 500 for success; we do not, nor a proxy for the internet for our way."""
    monkeypatch.setattr(_Answers, "status", status)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with contextlib.closing(Client(api)) as adapter, pytest.raises(HarnessError, match="address already in use"):
        adapter.enable("proxy-1", enabled=True)


def test_silence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and says nothing is given up, as is one that is not there."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with contextlib.closing(Client(port)) as adapter, pytest.raises(WedgedError, match="ReadTimeout"):
            adapter.enable("proxy-1", enabled=True)
    with contextlib.closing(Client(port)) as adapter, pytest.raises(WedgedError, match="ConnectionError"):
        adapter.enable("proxy-1", enabled=True)
