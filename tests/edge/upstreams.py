"""Real providers, as real as they get on the loopback: scripted servers."""

import asyncio
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harness.chain import Price, Provider

STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Asked:
    """One call as it reached the provider."""

    line: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class ScriptedUpstream:
    """A provider's address, and what it was asked."""

    url: str
    asked: list[Asked] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def provider(self, dialect: str = "openai", path: str = "/api/v1", **rest: Any) -> Provider:
        """Return the provider that is passed through to here."""
        return Provider(dialect=dialect, model="gpt-4", upstream=self.url + path, **rest)  # type: ignore[arg-type]


@asynccontextmanager
async def upstream(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedUpstream]:
    """Run a provider that answers every call by the script."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                line, *lines = head.strip().split("\r\n")
                headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in lines)}
                asked = Asked(line, headers, await reader.readexactly(int(headers.get("content-length", 0))))
                here.asked.append(asked)
                await script(asked, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            here.left.set()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=2**26)
    port = server.sockets[0].getsockname()[1]
    here = ScriptedUpstream(f"{'https' if tls else 'http'}://localhost:{port}")
    try:
        yield here
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sha(text: str) -> str:
    """Return a text's hash as records have it."""
    return hashlib.sha256(text.encode()).hexdigest()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the last one for nothing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def token(text: str) -> bytes:
    """One content event."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return b"data: " + json.dumps({"choices": [choice]}).encode() + b"\n\n"


FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}\n\n'
DONE = b"data: [DONE]\n\n"


def streams(*events: bytes) -> Script:
    """Answer with these events, all at once."""

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"".join(chunk(event) for event in events) + b"0\r\n\r\n")

    return script


def says(status: str, body: bytes, *headers: str) -> Script:
    """Answer with a plain body."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    return script


def writes(data: bytes, *, reset: bool = False) -> Script:
    """Answer with these bytes and close."""

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if reset:
            writer.transport.abort()  # what was asked has been read, so this alone is no RST
        raise ConnectionError

    return script


def completion(text: str = "hello", **usage: int) -> bytes:
    """A plain answer's body."""
    message = {"role": "assistant", "content": text}
    usage = usage or {"prompt_tokens": 11, "completion_tokens": 7}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}).encode()


PRICE = Price(input=1_000, output=10_000)


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context for `localhost`, and the file of the CA that has signed for it: itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    authority, secret = folder / "ca.pem", folder / "key.pem"
    authority.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, secret)
    return context, authority
