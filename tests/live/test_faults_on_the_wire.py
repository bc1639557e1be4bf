"""What a client observes of each fault, on a bare socket, with a real edge behind a real Toxiproxy."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.chain import Provider, ReplySpec
from harness.edge import Edge
from harness.live.nemesis import Nemesis
from harness.live.ports import Ports
from harness.live.toxiproxy import Binary, Toxiproxy
from harness.quantities import MS
from harness.scenario import Inject, Timeline
from tests.plans import window

pytestmark = pytest.mark.system

PROVIDER = Provider(dialect="openai", model="gpt-4", reply=ReplySpec(ttft=0, tokens=8, tokens_per_second=0))


class Met(NamedTuple):
    """What came of one call: the bytes, how it ended (`FIN`, `RST`, `refused`, `silence`), and after how long."""

    got: bytes
    end: str
    took_ns: int


def call(peer: tuple[str, int], *, streaming: bool = False, patience_s: float = 20.0) -> Met:
    """Ask once on a connection of its own, and hear it out; a whole answer ends with the client's own request to close."""
    body = json.dumps({"model": "gpt-4", "stream": streaming, "messages": [{"role": "user", "content": "hello"}]})
    lines = ("POST /v1/chat/completions HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}")
    began_ns, got, end = time.monotonic_ns(), b"", "FIN"
    try:
        with socket.create_connection(peer, timeout=patience_s) as connection:
            connection.sendall("\r\n".join([*lines, "", body]).encode())
            while piece := connection.recv(65536):
                got += piece
    except ConnectionRefusedError:
        end = "refused"
    except ConnectionResetError:
        end = "RST"
    except TimeoutError:
        end = "silence"
    return Met(got, end, time.monotonic_ns() - began_ns)


def meet(binary: Binary, folder: Path, *injects: Inject, calls: int = 1, **how: float) -> list[Met]:
    """Return what a client meets when all of these faults are on from the start."""
    timeline = Timeline(
        windows=tuple(window(inject, fault_id=f"fault-{place}") for place, inject in enumerate(injects, start=1))
    )

    async def story() -> list[Met]:
        async with (
            Edge({"openai": PROVIDER}, windows=timeline.windows) as edge,
            Toxiproxy.start(binary.path, log=folder / "toxiproxy.log") as proxy,
        ):
            upstream = f"127.0.0.1:{edge.ports['openai']}"
            address = await proxy.add("openai", upstream=upstream, resets=timeline.resets("openai"))
            host, port = address.split(":")
            applied = asyncio.Event()
            origin_ns = time.monotonic_ns()
            edge.begin(origin_ns)
            watched = _Watched(proxy, applied.set)
            async with Nemesis(timeline, Ports(watched, None), origin_ns=origin_ns, put=lambda _event: None):
                if any(inject.kind in ("refused", "slow", "throttle") for inject in injects):
                    await applied.wait()
                ask: Callable[[], Met] = lambda: call((host, int(port)), **how)  # type: ignore[arg-type]  # noqa: E731
                return [await asyncio.to_thread(ask) for _ in range(calls)]

    return asyncio.run(story())


class _Watched:
    """A Toxiproxy that reports each change that was asked of it."""

    def __init__(self, proxy: Toxiproxy, told: Callable[[], None]) -> None:
        self._proxy = proxy
        self._told = told

    def __getattr__(self, name: str) -> Callable[..., object]:
        async def tell(*args: object, **options: object) -> None:
            await getattr(self._proxy, name)(*args, **options)
            self._told()

        return tell


def connection(kind: str, **more: int) -> Inject:
    """Return a connection fault."""
    return Inject(connection=kind, **more)  # type: ignore[arg-type]


def stream(kind: str, **more: int) -> Inject:
    """Return a stream fault."""
    return Inject(stream=kind, **more)  # type: ignore[arg-type]


def test_without_a_fault_the_answer_is_whole(binary: Binary, tmp_path: Path) -> None:
    """And its last chunk has that reason."""
    (met,) = meet(binary, tmp_path, streaming=True)
    assert met.end == "FIN"
    assert met.got.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


def test_close_is_an_empty_answer(binary: Binary, tmp_path: Path) -> None:
    """A FIN and not a byte before it."""
    (met,) = meet(binary, tmp_path, connection("close"))
    assert (met.got, met.end) == (b"", "FIN")


def test_reset_is_a_true_reset(binary: Binary, tmp_path: Path) -> None:
    """An RST and not a byte before it."""
    (met,) = meet(binary, tmp_path, connection("reset"))
    assert (met.got, met.end) == (b"", "RST")


def test_cut_ends_the_bytes_in_mid_body(binary: Binary, tmp_path: Path) -> None:
    """All that was sent arrives, then a FIN: the chunks of a stream unterminated, a plain answer short of its length."""
    (met,) = meet(binary, tmp_path, stream("cut", after_tokens=3), streaming=True)
    assert met.end == "FIN"
    assert met.got.count(b'"content":"') == 1 + 3  # the opening event has an empty one
    assert not met.got.endswith(b"0\r\n\r\n")
    (met,) = meet(binary, tmp_path, stream("cut"))
    head, _, body = met.got.partition(b"\r\n\r\n")
    length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
    assert (met.end, len(body)) == ("FIN", length // 2)


@pytest.mark.parametrize("streaming", [True, False])
def test_stream_reset_is_a_true_reset_in_mid_body(binary: Binary, tmp_path: Path, streaming: bool) -> None:
    """An RST; the end of the answer never arrives, and of what was on its way as much as the systems let through."""
    (met,) = meet(binary, tmp_path, stream("reset"), streaming=streaming)
    assert met.end == "RST"
    assert b"[DONE]" not in met.got
    assert b'"usage"' not in met.got


def test_both_kinds_of_end_on_one_provider_are_resets(binary: Binary, tmp_path: Path) -> None:
    """What the engine warns of: a close can be no FIN where resets have to pass."""
    (met,) = meet(binary, tmp_path, connection("close"), stream("reset"))
    assert (met.got, met.end) == (b"", "RST")


def test_silent_is_silence(binary: Binary, tmp_path: Path) -> None:
    """The connection is accepted and stays open."""
    (met,) = meet(binary, tmp_path, connection("silent"), patience_s=0.5)
    assert (met.got, met.end) == (b"", "silence")


def test_refused_is_refused(binary: Binary, tmp_path: Path) -> None:
    """By the system, at once and every time."""
    for met in meet(binary, tmp_path, connection("refused"), calls=3):
        assert (met.got, met.end) == (b"", "refused")


def test_slow_holds_up_a_whole_answer(binary: Binary, tmp_path: Path) -> None:
    """It comes late and complete."""
    (met,) = meet(binary, tmp_path, connection("slow", delay=300 * MS), streaming=True)
    assert met.end == "FIN"
    assert met.took_ns >= 300 * MS
    assert met.got.endswith(b"0\r\n\r\n")


def test_throttle_stretches_an_answer(binary: Binary, tmp_path: Path) -> None:
    """At 4000 bytes a second every thousand takes a quarter of one, and none is lost."""
    (fine,) = meet(binary, tmp_path, streaming=True)
    (met,) = meet(binary, tmp_path, connection("throttle", bytes_per_second=4000), streaming=True)
    assert met.end == "FIN"
    assert len(met.got) == len(fine.got)
    assert met.took_ns >= len(met.got) * 250_000 * 95 // 100


def test_a_delay_is_slept_before_the_headers(binary: Binary, tmp_path: Path) -> None:
    """Also where the answer is an error, and under a slow connection both add up."""
    (met,) = meet(binary, tmp_path, Inject(delay=200 * MS), Inject(status=503), connection("slow", delay=100 * MS))
    assert met.got.startswith(b"HTTP/1.1 503 ")
    assert met.took_ns >= 300 * MS
