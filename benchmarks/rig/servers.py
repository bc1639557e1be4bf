"""What the edge's benchmarks share: servers on one core, a lean load generator on the other."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from harness.chain import Provider, ReplySpec
from harness.lines import read, write
from harness.messages import Begin, EdgeReady, EdgeStart

M = TypeVar("M")

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "bench000"
READY_S = 30.0

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
PROMPT = f"hello there [[req-000001 {TOKEN}]]"


def request(path: str, **body: Any) -> bytes:
    """Return a call as it goes over the wire."""
    data = json.dumps(body).encode()
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Accept: application/json\r\nAuthorization: Bearer none\r\nContent-Length: %d\r\n\r\n%b"
        % (path.encode(), len(data), data)
    )


CHAT = request("/v1/chat/completions", model="gpt-4", messages=[{"role": "user", "content": PROMPT}])


def cores() -> tuple[set[int], set[int]]:
    """Return the cores for servers and for the load; the same ones on a machine that has only one."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return {first}, set(rest[:1]) or {first}


@dataclass
class Server:
    """A server under test.

    Attributes:
        name: For people.
        port: On the loopback.
        process: Its process.
    """

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def cpu_s(self) -> float:
        """Return the CPU time that it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process on the servers' core; it does not outlive the block."""
    servers, _ = cores()
    with subprocess.Popen(list(command), **options) as process:
        try:
            os.sched_setaffinity(process.pid, servers)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def edge(capture: Path | None, upstream: str | None = None) -> Iterator[Server]:
    """Run the edge as a live run does: one provider that answers at once, or a real one; every attempt recorded."""
    reply = ReplySpec(ttft=0, tokens=6, tokens_per_second=0)
    start = EdgeStart(
        providers={"openai": Provider(dialect="openai", model="gpt-4", reply=reply, upstream=upstream)},
        token=TOKEN,
        seed=1,
        capture=None if capture is None else str(capture),
    )
    with part([sys.executable, "-m", "harness.edge"], start, EdgeReady) as (process, ready):
        send(process, Begin(origin_ns=time.monotonic_ns()))
        yield Server("edge", ready.ports["openai"], process)


@contextmanager
def part(command: Sequence[str], start: object, shape: type[M]) -> Iterator[tuple[subprocess.Popen[bytes], M]]:
    """Run one of the harness's own processes; gives it and its ready message."""
    with started(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        send(process, start)
        yield process, read(process.stdout.readline(), shape)
        process.stdin.close()
        process.wait(10)


def send(process: subprocess.Popen[bytes], message: object) -> None:
    """Send one of the harness's own processes a message."""
    assert process.stdin is not None
    process.stdin.write(write(message))
    process.stdin.flush()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a port takes connections."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the server on port {port} did not get ready")


def call_json(url: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST JSON; return JSON."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})  # noqa: S310
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as response:
        found: dict[str, Any] = json.load(response)
        return found


@dataclass
class Line:
    """One keep-alive connection of the load generator."""

    socket: socket.socket
    buffer: bytes = b""
    sent_s: float = 0.0

    def take(self) -> bool:
        """Read; return whether the response is whole."""
        data = self.socket.recv(65_536)
        if not data:
            raise SystemExit("a server closed a keep-alive connection")
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        length = _LENGTH.search(self.buffer, 0, end)
        whole = (
            len(self.buffer) >= end + 4 + int(length[1]) if length is not None else self.buffer.endswith(b"0\r\n\r\n")
        )
        if whole:
            if not self.buffer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"not a success: {self.buffer[:300]!r}")
            self.buffer = b""
        return whole


@contextmanager
def lines(port: int, count: int) -> Iterator[tuple[select.epoll, dict[int, Line]]]:
    """Open connections, watched for answers."""
    with select.epoll() as poll:
        opened: dict[int, Line] = {}
        try:
            for _ in range(count):
                connection = socket.create_connection(("127.0.0.1", port), 5)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                opened[connection.fileno()] = Line(connection)
                poll.register(connection.fileno(), select.EPOLLIN)
            yield poll, opened
        finally:
            for line in opened.values():
                line.socket.close()


def throughput_per_s(port: int, seconds: float, connections: int = 64, asked: bytes = CHAT) -> float:
    """Return how many requests per second are answered when every connection always has one open."""
    with lines(port, connections) as (poll, opened):
        begin = time.perf_counter()
        for line in opened.values():
            line.socket.send(asked)
        answered = 0
        while (now := time.perf_counter()) < begin + seconds:
            for descriptor, _ in poll.poll(1):
                line = opened[descriptor]
                if line.take():
                    answered += 1
                    line.socket.send(asked)
        return answered / (now - begin)


def latencies_s(port: int, seconds: float, rate_per_s: float, connections: int = 64) -> list[float]:
    """Return how long each request took from its intended start, sent at a fixed pace whatever the answers do."""
    found: list[float] = []
    with lines(port, connections) as (poll, opened):
        idle = list(opened.values())
        begin = time.perf_counter()
        due = [begin + place / rate_per_s for place in range(int(seconds * rate_per_s))]
        due.reverse()
        while due or len(idle) < connections:
            now = time.perf_counter()
            if due and now >= due[-1]:
                if not idle:
                    raise SystemExit("more requests are open than the generator has connections")
                line = idle.pop()
                line.sent_s = due.pop()
                line.socket.send(CHAT)
            left_s = due[-1] - time.perf_counter() if due else 1.0
            for descriptor, _ in poll.poll(max(0.0, left_s - 0.002)):  # the last 2 ms are spun: a poll oversleeps
                line = opened[descriptor]
                if line.take():
                    found.append(time.perf_counter() - line.sent_s)
                    idle.append(line)
    return found
