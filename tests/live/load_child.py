"""A load process under test, and a scripted server for it to call."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from harness.history.records import HealthRecord, RequestRecord
from harness.lines import read, write
from harness.messages import Begin, LoadDone, LoadReady, LoadStart, WarmupCall
from harness.provider.marker import find_request
from harness.scenario.plan import Arrival
from harness.scenario.schema import Load
from harness.store.capture import Row, rows

M = TypeVar("M")

TOKEN = "abcd1234"
PATIENCE_S = 60

Answer = Iterable[bytes | float | threading.Event | None]
"""What the server does with a request: sends bytes, waits some seconds or for an event, resets the connection (None);
and closes it at the end."""


@dataclass
class Server:
    """A server that answers each request by a function, one per connection with `Connection: close`, unless it keeps them.

    Attributes:
        answer: Gives the answer to a request, by its id and body.
        keep: Whether connections serve more than one request.
        heads: The head of every request, as it came.
        bodies: The JSON of every request.
        connections: How many were accepted.
    """

    answer: Callable[[str, dict[str, Any]], Answer]
    keep: bool = False
    heads: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    connections: int = 0
    port: int = 0

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            while await self._serve(reader, writer) and self.keep:
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith("content-length:"))
        raw = await reader.readexactly(length)
        self.heads.append(head)
        self.bodies.append(json.loads(raw))
        marker = find_request(raw)
        assert marker is not None
        assert marker.token == TOKEN
        for step in self.answer(marker.request_id, self.bodies[-1]):
            if isinstance(step, bytes):
                closes = not self.keep and step.startswith(b"HTTP/1.1 ")
                writer.write(step.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) if closes else step)
                await writer.drain()
            elif step is None:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                raise ConnectionResetError
            else:
                await self._wait(reader, step)
        return True

    async def _wait(self, reader: asyncio.StreamReader, step: float | threading.Event) -> None:
        """Wait; a caller who leaves meanwhile ends the wait and the connection."""
        left = asyncio.ensure_future(reader.read(1))
        wait = step.wait if isinstance(step, threading.Event) else None
        over = asyncio.ensure_future(asyncio.to_thread(wait, PATIENCE_S) if wait else asyncio.sleep(float(step)))  # type: ignore[arg-type]
        await asyncio.wait((left, over), return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if left.done():
            self.left.set()
            raise ConnectionResetError
        left.cancel()
        await asyncio.wait([left])  # or the next request could not be read


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """Run a server on a free port of the loopback, in a thread of its own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stop: asyncio.Future[None] = loop.create_future()

    async def serve() -> None:
        listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, backlog=2048)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await stop
        listener.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set_result, None)
        thread.join(PATIENCE_S)
        loop.close()


class Child:
    """A load process, driven over its standard input and output."""

    def __init__(self, folder: Path, base_url: str, arrivals: tuple[Arrival, ...], **settings: Any) -> None:
        self.folder = folder
        load = settings.pop("load", Load(rate=10, deadline=30 * 10**9))
        start = LoadStart(
            capture=str(folder), token=TOKEN, base_url=base_url, model="gpt-4", arrivals=arrivals, load=load, **settings
        )
        self.process = spawn()
        self.send(start)

    def send(self, message: object) -> None:
        """Send it a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(write(message))
        self.process.stdin.flush()

    def message(self, shape: type[M]) -> M:
        """Return its next message."""
        return read(self.line(), shape)

    def line(self) -> bytes:
        """Return the next line of its output; empty where that has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def begin(self, in_s: float = 0.05) -> int:
        """Wait until it is ready, set the origin that far ahead and return it."""
        self.message(LoadReady)
        origin_ns = time.monotonic_ns() + int(in_s * 1e9)
        self.send(Begin(origin_ns=origin_ns))
        return origin_ns

    def end(self) -> int:
        """Close its standard input and return its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def run(self) -> LoadDone:
        """Run it from the ready message to its end; return its counts."""
        self.begin()
        done = self.message(LoadDone)
        assert self.end() == 0
        return done

    def rows(self) -> list[Row]:
        """Return what it captured."""
        return list(rows(self.folder / "load.jsonl"))

    def requests(self) -> list[RequestRecord]:
        """Return the requests that it captured, by intended start."""
        found = [row for row in self.rows() if isinstance(row, RequestRecord)]
        return sorted(found, key=lambda row: (row.scheduled_ns, row.request_id))

    def health(self) -> list[HealthRecord]:
        """Return the health records that it captured."""
        return [row for row in self.rows() if isinstance(row, HealthRecord)]


_LIMITED = "import os, resource, sys; resource.setrlimit({0}, {1}); os.execv(sys.executable, [sys.executable, *{2}])"


def spawn(*, limit: tuple[int, tuple[int, int]] | None = None, **streams: Any) -> subprocess.Popen[bytes]:
    """Start a load process.

    Args:
        limit: A resource (`resource.RLIMIT_NOFILE`) and its soft and hard limit.
        streams: In place of pipes.
    """
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    arguments = ["-m", "harness.live.locustfile"]
    if limit is not None:
        arguments = ["-c", _LIMITED.format(*limit, arguments)]
    return subprocess.Popen([sys.executable, *arguments], env=dict(os.environ), **streams)


@contextmanager
def child(folder: Path, base_url: str, arrivals: tuple[Arrival, ...], **settings: Any) -> Iterator[Child]:
    """Run a load process; it is gone at the end, whatever happens."""
    running = Child(folder, base_url, arrivals, **settings)
    try:
        yield running
    finally:
        finish(running.process)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Make sure that a process has ended."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def say_ok(request_id: str, _body: dict[str, Any]) -> Answer:
    """Answer with a mocked text that names its attempt."""
    return [plain(f"<<{request_id}.openai.1>> hello")]


def arrivals(count: int, *, every_ms: float = 1, streaming: bool = False) -> tuple[Arrival, ...]:
    """Return arrivals at a constant rate."""
    return tuple(
        Arrival(
            request_id=f"req-{place + 1:06d}",
            scheduled_ns=int(place * every_ms * 1e6),
            phase="baseline",
            streaming=streaming,
        )
        for place in range(count)
    )


def warmup(count: int) -> tuple[WarmupCall, ...]:
    """Return warm-up calls."""
    return tuple(WarmupCall(request_id=f"warmup-{place + 1:06d}", model=f"model-{place + 1}") for place in range(count))


def http(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return an HTTP answer with a length."""
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n".encode() + body


def plain(text: str) -> bytes:
    """Return a whole plain answer."""
    answer = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
    return http(json.dumps(answer).encode())


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Return one piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def delta(text: str) -> bytes:
    """Return one content event."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"
