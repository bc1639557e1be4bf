"""A Toxiproxy is ours from its first answer to its end, and is replaced as it was when it hangs."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from harness.errors import HarnessError
from harness.live.toxiproxy import Binary, Toxiproxy, client, server
from harness.live.toxiproxy.client import ApiClient
from harness.live.toxiproxy.port import Port
from harness.provider.listener import OPEN, ListenerState
from harness.quantities import MS
from tests.live.world import BYTES, NAME, World, tell

pytestmark = pytest.mark.system

DELAY_NS = 300 * MS


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


async def test_a_server_that_ends_right_after_its_first_answer_is_named(
    binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever call it was that got no answer."""
    delete = ApiClient.delete

    def killed(api: ApiClient, name: str) -> None:
        for child in psutil.Process().children(recursive=True):
            if child.name().startswith("toxiproxy"):
                child.kill()
                while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.001)
        delete(api, name)

    monkeypatch.setattr(ApiClient, "delete", killed)
    with pytest.raises(HarnessError, match="SIGKILL") as caught:
        async with Toxiproxy.start(binary.path, log=tmp_path / "toxiproxy.log"):
            raise AssertionError("it started")
    assert caught.value.where == "toxiproxy"


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
    """The new one has the same proxies on the same ports, in the state that was asked for, and passes resets on as before."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.5)

    async def story(made: World) -> None:
        other = World(made.toxiproxy, await made.toxiproxy.add("azure", upstream=made.upstream), made.upstream)
        await made.toxiproxy.set("azure", ListenerState(delay_ns=DELAY_NS, bytes_per_second=BYTES * 5))
        third = World(made.toxiproxy, await made.toxiproxy.add("gemini", upstream=made.upstream), made.upstream)
        await made.toxiproxy.set("gemini", ListenerState(connecting="ignored"))
        await asyncio.to_thread(hang, made.toxiproxy)
        await made.toxiproxy.set(NAME, ListenerState(connecting="refused"))
        assert made.toxiproxy.restarts == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(third.call(), 0.3)
        await made.toxiproxy.set("gemini", OPEN)
        assert (await third.call())[0] == b"ok\n"
        with pytest.raises(ConnectionRefusedError):
            await made.call()
        assert (await other.call())[1] >= DELAY_NS
        assert (await other.call(b"much"))[1] >= DELAY_NS + 10**9 // 5 * 95 // 100
        await made.toxiproxy.set(NAME, OPEN)
        assert (await made.call())[0] == b"ok\n"
        with pytest.raises(ConnectionResetError):
            await made.call(b"close")

    tell(binary, tmp_path, story, resets=True)


def test_loop_goes_on_while_a_server_hangs(binary: Binary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner's other work does not wait for Toxiproxy's answer."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.5)

    async def story(made: World) -> None:
        await asyncio.to_thread(hang, made.toxiproxy)
        change = asyncio.create_task(made.toxiproxy.set(NAME, ListenerState(connecting="refused")))
        turns = 0
        while not change.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns > 5

    tell(binary, tmp_path, story)


def test_death_of_the_server_is_reported(binary: Binary, tmp_path: Path) -> None:
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
        assert await asyncio.to_thread(ApiClient(taken).proxies) == {"proxy-1"}
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


async def test_server_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    """Its own words are in the error."""
    broken = tmp_path / "toxiproxy-server"
    broken.write_text("#!/bin/sh\necho no such option\nexit 2\n")
    broken.chmod(0o755)
    with pytest.raises(
        HarnessError, match=r"^toxiproxy: ended before its time \(exit code 2\)\n(.*\n)*.*no such option"
    ):
        async with Toxiproxy.start(broken, log=tmp_path / "log"):
            pass
