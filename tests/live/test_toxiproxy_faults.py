"""A real Toxiproxy does to connections what the scenario asks for."""

import asyncio
import contextlib
import itertools
import socket
import time
from pathlib import Path

import psutil
import pytest

from harness.history.records import FaultEvent
from harness.live.nemesis import Nemesis
from harness.live.ports import Ports, connections
from harness.live.toxiproxy import Binary
from harness.provider.listener import OPEN, Connecting, ListenerState
from harness.quantities import MS
from harness.scenario import Inject, Timeline, Window
from tests.live.world import BYTES, NAME, World, ask, tell
from tests.plans import window

pytestmark = pytest.mark.system

DELAY_NS = 300 * MS


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
@pytest.mark.parametrize("resets", [True, False])
def test_close_at_the_edge_reaches_the_caller_as_what_the_proxy_is_for(
    binary: Binary, tmp_path: Path, say: bytes, got: bytes, resets: bool
) -> None:
    """Before an answer, after one and in the midst of one: an RST where there are resets to pass on, else the FIN it is."""

    async def story(made: World) -> None:
        received, end = await asyncio.to_thread(raw_end, made.peer, say)
        if resets:
            assert end == "RST"
            assert got.startswith(received)
        else:
            assert (received, end) == (got, "FIN")
        host, port = made.upstream.split(":")
        assert await asyncio.to_thread(raw_end, (host, int(port)), say) == (got, "FIN")

    tell(binary, tmp_path, story, resets=resets)


def test_refused_is_refused_and_comes_back_at_the_same_port(binary: Binary, tmp_path: Path) -> None:
    """New connections are refused by the system, open ones break; afterwards all is as before."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        assert (await ask(reader, writer))[0] == b"ok\n"
        await made.toxiproxy.set(NAME, ListenerState(connecting="refused"))
        with pytest.raises(ConnectionRefusedError):
            await made.call()
        with contextlib.suppress(ConnectionResetError):
            assert (await ask(reader, writer))[0] == b""
        writer.close()
        await made.toxiproxy.set(NAME, OPEN)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


IGNORED = ListenerState(connecting="ignored")


def test_ignored_tries_hang_until_the_caller_gives_up_and_pass_again_afterwards(binary: Binary, tmp_path: Path) -> None:
    """However many there are; a try that still waits then gets its connection too."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        assert (await ask(reader, writer))[0] == b"ok\n"
        await made.toxiproxy.set(NAME, IGNORED)
        with contextlib.suppress(ConnectionResetError):  # it breaks, as with a refusal
            assert (await ask(reader, writer))[0] == b""
        writer.close()
        waiting = asyncio.create_task(made.call())
        tries = [asyncio.wait_for(asyncio.open_connection(*made.peer), 0.3) for _ in range(20)]
        assert {type(end) for end in await asyncio.gather(*tries, return_exceptions=True)} == {TimeoutError}
        assert not waiting.done()
        await made.toxiproxy.set(NAME, OPEN)
        async with asyncio.timeout(0.9):  # no second try is needed, which the system makes after a second
            assert (await made.call())[0] == b"ok\n"
        assert (await waiting)[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_a_port_goes_from_any_state_to_any_other(binary: Binary, tmp_path: Path) -> None:
    """Connections are accepted, refused and ignored in every order, beside a delay."""

    async def meets(made: World) -> str:
        try:
            async with asyncio.timeout(0.2):
                _reader, writer = await asyncio.open_connection(*made.peer)
        except TimeoutError:
            return "ignored"
        except ConnectionRefusedError:
            return "refused"
        writer.close()
        return "accepted"

    async def story(made: World) -> None:
        names: tuple[Connecting, ...] = ("accepted", "refused", "ignored")
        for before, after in itertools.product(names, names):
            for name in (before, after):
                await made.toxiproxy.set(NAME, ListenerState(connecting=name, delay_ns=DELAY_NS))
                assert await meets(made) == name

    tell(binary, tmp_path, story)


def test_port_of_a_refusing_provider_stays_its_own(binary: Binary, tmp_path: Path) -> None:
    """While nobody listens there the system gives the port to no other listener and to no caller."""

    async def story(made: World) -> None:
        await made.toxiproxy.set(NAME, ListenerState(connecting="refused"))
        with contextlib.ExitStack() as taken:
            others = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(500)]
            assert made.peer not in [other.getsockname() for other in others]
            await made.toxiproxy.set(NAME, OPEN)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_slow_delays_old_and_new_connections(binary: Binary, tmp_path: Path) -> None:
    """Kept-alive connections are hit as new ones are, and both are fast again afterwards."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        await ask(reader, writer)
        await made.toxiproxy.set(NAME, ListenerState(delay_ns=DELAY_NS))
        for answer, took_ns in (await made.call(), await ask(reader, writer)):
            assert answer == b"ok\n"
            assert took_ns >= DELAY_NS
        await made.toxiproxy.set(NAME, ListenerState(delay_ns=DELAY_NS // 2, jitter_ns=DELAY_NS // 4))
        assert (await ask(reader, writer))[1] >= DELAY_NS // 4
        await made.toxiproxy.set(NAME, OPEN)
        for call in (made.call, lambda: ask(reader, writer)):
            assert min([(await call())[1] for _ in range(10)]) < DELAY_NS // 4
        writer.close()

    tell(binary, tmp_path, story)


def test_end_of_a_delay_lets_go_of_what_was_held(binary: Binary, tmp_path: Path) -> None:
    """A delay that is taken away in the midst of an answer loses nothing and does not hang the server."""

    async def story(made: World) -> None:
        await made.toxiproxy.set(NAME, ListenerState(delay_ns=3600 * 10**9))
        held = [asyncio.create_task(made.call()) for _ in range(50)]
        await asyncio.to_thread(_wait_for_connections, made.peer, 50)
        await made.toxiproxy.set(NAME, OPEN)
        assert {answer for answer, _took in await asyncio.gather(*held)} == {b"ok\n"}
        assert made.toxiproxy.restarts == 0

    tell(binary, tmp_path, story)


def test_throttled_bytes_come_no_faster_than_they_may(binary: Binary, tmp_path: Path) -> None:
    """On old connections and new ones, in thousands of bytes a second, not 1024; then freely."""
    rate = 100_000

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer, limit=2 * BYTES)
        await ask(reader, writer)
        await made.toxiproxy.set(NAME, ListenerState(bytes_per_second=rate))
        for answer, took_ns in (await made.call(b"much"), await ask(reader, writer, b"much")):
            assert answer == b"." * BYTES + b"ok\n"
            # The first piece passes when it is due, so all but a part of the last one have waited their time.
            assert took_ns >= BYTES * 10**9 // rate * 98 // 100
        await made.toxiproxy.set(NAME, OPEN)
        assert min([(await made.call(b"much"))[1] for _ in range(10)]) < BYTES * 10**9 // rate // 2
        writer.close()

    tell(binary, tmp_path, story)


def test_end_of_a_throttle_lets_go_of_what_was_held(binary: Binary, tmp_path: Path) -> None:
    """One that is taken away in the midst of an answer loses nothing and does not hang the server."""

    async def story(made: World) -> None:
        await made.toxiproxy.set(NAME, ListenerState(bytes_per_second=1000))
        held = [asyncio.create_task(made.call(b"much")) for _ in range(20)]
        await asyncio.to_thread(_wait_for_connections, made.peer, 20)
        await made.toxiproxy.set(NAME, OPEN)
        assert {answer for answer, _took in await asyncio.gather(*held)} == {b"." * BYTES + b"ok\n"}
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
            await made.toxiproxy.set(NAME, ListenerState(connecting="refused"))
            with pytest.raises(ConnectionRefusedError):
                await made.call()
            await made.toxiproxy.set(NAME, OPEN)
            assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


def test_nemesis_keeps_its_windows_on_a_real_server(binary: Binary, tmp_path: Path) -> None:
    """A stream of calls is refused, then slow, each for one unbroken time within the recorded one, and clean otherwise."""
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
        async with Nemesis(timeline, Ports(made.toxiproxy, None), origin_ns=origin_ns, put=events.append):
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
    return window(inject, NAME, fault_id=f"fault-{fault}", start_ns=start_ms * MS, end_ns=end_ms * MS)


def test_a_reset_of_the_callers_leg_takes_the_answer_and_comes_to_an_end(binary: Binary, tmp_path: Path) -> None:
    """On a connection that was open, and on a new one; afterwards answers arrive again."""

    async def story(made: World) -> None:
        reader, writer = await asyncio.open_connection(*made.peer)
        with contextlib.closing(writer):
            assert (await ask(reader, writer))[0] == b"ok\n"
            await made.toxiproxy.set(NAME, ListenerState(resets=True))
            with contextlib.suppress(ConnectionResetError):
                assert (await ask(reader, writer))[0] == b""
        received, end = await asyncio.to_thread(raw_end, made.peer, b"?\n")
        assert (received, end) == (b"", "RST")
        await made.toxiproxy.set(NAME, OPEN)
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story, resets=True)


def test_open_connections_are_counted(binary: Binary, tmp_path: Path) -> None:
    """Each once, and those of no other port."""

    async def story(made: World) -> None:
        before = connections(made.peer[1])
        streams = [await asyncio.open_connection(*made.peer) for _ in range(3)]
        for reader, writer in streams:
            await ask(reader, writer)
        assert (before, connections(made.peer[1])) == (0, 3)
        for _reader, writer in streams:
            writer.close()

    tell(binary, tmp_path, story)
