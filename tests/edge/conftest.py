"""An edge on the loopback, and clients for it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Provider
from harness.edge import Edge
from harness.edge.budget import CallBudget
from harness.history import AttemptRecord
from harness.http_rules import has_body
from harness.scenario import Window
from harness.store import Capture, EdgeAttempt
from harness.store.capture import Row, rows
from tests.plans import quick
from tests.polling import until_async

TOKEN = "abcd1234"
DEADLINE_S = 10.0


def chat(request_id: str | None = "req-000001", token: str = TOKEN, **fields: Any) -> bytes:
    """Return a chat request's body whose prompt bears a marker."""
    prompt = f"hello [[{request_id} {token}]]" if request_id else "hello"
    return json.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": prompt}], **fields}).encode()


def post(body: bytes, *headers: str, path: str = "/v1/chat/completions") -> bytes:
    """One whole request as it goes over the wire."""
    lines = (f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Response:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    whole: bool = True

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Client:
    """A plain HTTP/1.1 client that shows what a smarter one would hide."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def to(cls, port: int) -> "Client":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**22))

    async def send(self, raw: bytes) -> None:
        """Write as it is."""
        self.writer.write(raw)
        await self.writer.drain()

    async def receive(self) -> Response:
        """Read one response, whole."""
        async with asyncio.timeout(DEADLINE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            response = Response(int(first.split(" ")[1]), headers)
            if "content-length" in headers:
                response.body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readline(), 16):
                    response.body += (await self.reader.readexactly(size + 2))[:-2]
                await self.reader.readexactly(2)
            elif has_body(response.status):
                response.body = await self.reader.read()
            return response

    async def ask(self, raw: bytes) -> Response:
        """Write a request and read its response."""
        await self.send(raw)
        return await self.receive()

    async def close(self) -> None:
        """Leave."""
        self.writer.close()


@dataclass
class Scene:
    """An edge that records into a folder."""

    edge: Edge
    capture: Capture
    clients: list[Client] = field(default_factory=list)

    async def client(self, name: str = "openai") -> Client:
        """Connect to a provider; the scene closes it."""
        client = await Client.to(self.edge.ports[name])
        self.clients.append(client)
        return client

    async def ask(self, raw: bytes, name: str = "openai") -> Response:
        """Ask on a connection of its own."""
        return await (await self.client(name)).ask(raw)

    def rows(self) -> list[Row]:
        """What is on the disk so far."""
        return list(rows(self.capture.path))

    def attempts(self) -> list[AttemptRecord]:
        """The attempts on the disk so far."""
        return [row.attempt for row in self.rows() if isinstance(row, EdgeAttempt)]

    async def recorded(self, count: int) -> list[AttemptRecord]:
        """Wait until so many attempts are on the disk."""
        await until_async(lambda: len(self.attempts()) >= count)
        return self.attempts()


Open = Callable[..., Any]


@pytest.fixture
def scene(tmp_path: Path) -> Open:
    """Return a way to open an edge with a capture, for `async with`."""

    @asynccontextmanager
    async def opened(
        *windows: Window,
        begin: bool = True,
        token: str | None = TOKEN,
        keys: dict[str, str] | None = None,
        budget: CallBudget | None = None,
        **providers: Provider,
    ) -> AsyncIterator[Scene]:
        providers = providers or {"openai": quick()}
        with Capture(tmp_path, "edge") as capture:
            options = {"token": token, "windows": windows, "capture": capture, "keys": keys, "budget": budget}
            async with Edge(providers, seed=1, **options) as edge:
                if begin:
                    edge.begin(time.monotonic_ns())
                scene = Scene(edge, capture)
                try:
                    yield scene
                finally:
                    for client in scene.clients:
                        await client.close()

    return opened
