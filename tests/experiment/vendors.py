"""Vendors on the loopback, asked by `harness doctor`: well-behaved ones of every dialect, and what may be in their place."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.chain import Provider
from harness.provider.answer import Call, Problem, Refusal
from harness.provider.dialects import Dialect, dialect_of
from harness.provider.reply import Head, Send
from tests.edge.upstreams import Asked, upstream

KEY = "sk-planted-0123456789xyz"


@dataclass(frozen=True, slots=True)
class Received:
    """One call as it reached the vendor."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Vendor:
    """Where it listens, and what it was asked."""

    url: str
    received: list[Received] = field(default_factory=list)

    @property
    def asked(self) -> list[str]:
        """Methods and paths, in the order in which they came."""
        return [f"{call.method} {call.path}" for call in self.received]


Answering = Callable[[Received], bytes | None]
"""Returns all bytes of the answer; None if it stays silent. The connection closes after it."""


@asynccontextmanager
async def vendor(answering: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[Vendor]:
    """Run one."""
    here = Vendor("")

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        call = Received(*asked.line.split(" ")[:2], asked.headers, asked.body)
        here.received.append(call)
        found = answering(call)
        if found is None:
            await asyncio.Event().wait()
        writer.write(found or b"")
        await writer.drain()
        raise ConnectionError

    async with upstream(script, tls) as listening:
        here.url = listening.url
        yield here


def answer(status: int, body: object, **headers: str) -> bytes:
    """Return an answer in JSON, or of the bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(data)}", "connection: close"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in named.items())]).encode() + b"\r\n\r\n" + data


def always(status: int, body: object, **headers: str) -> Answering:
    """Answer every call alike."""
    return lambda _call: answer(status, body, **headers)


def refused(dialect: Dialect, problem: Problem) -> bytes:
    """Return a dialect's own error."""
    reply = dialect.fail(Refusal(Call(model="m"), "a.1", problem=problem)).reply
    head = next(step for step in reply if isinstance(step, Head))
    headers = {name.replace("-", "_"): value for name, value in head.headers if name != "content-length"}
    return answer(head.status, b"".join(step.data for step in reply if isinstance(step, Send)), **headers)


SHAPES: dict[str, Callable[[str], Any]] = {
    "ollama": lambda name: {"models": [{"name": f"{name}:latest", "model": f"{name}:latest"}]},
    "ollama_chat": lambda name: {"models": [{"name": f"{name}:latest", "model": f"{name}:latest"}]},
    "gemini": lambda name: {"models": [{"name": f"models/{name}", "inputTokenLimit": 1}]},
    "cohere": lambda name: {"models": [{"name": name, "endpoints": ["chat"]}]},
}
"""How a vendor lists a model; OpenAI's shape for the others."""


def listing(dialect: str, name: str) -> dict[str, Any]:
    """Return a list with one model."""
    shape = SHAPES.get(dialect, lambda name: {"object": "list", "data": [{"id": name, "object": "model"}]})
    found: dict[str, Any] = shape(name)
    return found


def well(provider: Provider, *, models: str | None = None, public: bool = False) -> Answering:
    """Answer as a vendor of the provider's dialect does: keys first, then lists, then bodies.

    Args:
        provider: Its dialect, and the model that it has.
        models: The model that it lists, in place of the provider's.
        public: Its list needs no key.
    """
    dialect = dialect_of(provider)
    header, value = dialect.authorize(KEY)
    completions = dialect.request(provider.model, {"messages": [], "stream": False}).path

    def answering(call: Received) -> bytes:
        lists = call.method == "GET" and call.path == dialect.models
        if call.headers.get(header.lower()) != value and not (public and lists):
            return refused(dialect, "auth")
        if lists:
            return answer(200, listing(provider.dialect, models or provider.model))
        if call.method == "POST" and call.path == completions:
            return refused(dialect, "invalid_request")
        return refused(dialect, "not_found")

    return answering
