"""A provider with a real Toxiproxy in front of it, to be broken by tests."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from harness.live.toxiproxy import Binary, Toxiproxy

NAME = "openai/gpt 4"
BYTES = 60_000


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each line with `ok`; close on `close`, before or after an answer, as the edge does for a reset."""
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            if line.startswith(b"much"):
                writer.write(b"." * BYTES)
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

    async def call(self, say: bytes = b"?") -> tuple[bytes, int]:
        """Ask once on a new connection; return the answer and how long it took, in nanoseconds."""
        reader, writer = await asyncio.open_connection(*self.peer, limit=2 * BYTES)
        with contextlib.closing(writer):
            return await ask(reader, writer, say)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, say: bytes = b"?") -> tuple[bytes, int]:
    """Ask once on an open connection."""
    began_ns = time.monotonic_ns()
    writer.write(say + b"\n")
    return await reader.readline(), time.monotonic_ns() - began_ns


@contextlib.asynccontextmanager
async def world(binary: Binary, folder: Path, *, resets: bool) -> AsyncIterator[World]:
    """Start a provider and a Toxiproxy in front of it."""
    provider = await asyncio.start_server(_serve, "127.0.0.1", 0)
    upstream = f"127.0.0.1:{provider.sockets[0].getsockname()[1]}"
    async with provider, Toxiproxy.start(binary.path, log=folder / "toxiproxy.log") as toxiproxy:
        yield World(toxiproxy, await toxiproxy.add(NAME, upstream=upstream, resets=resets), upstream)


Story = Callable[[World], Coroutine[Any, Any, None]]


def tell(binary: Binary, folder: Path, story: Story, *, resets: bool = False) -> None:
    """Run a story in a world of its own; whether its Toxiproxy passes resets on is the story's."""

    async def whole() -> None:
        async with world(binary, folder, resets=resets) as made:
            await story(made)

    asyncio.run(whole())
