"""`/metrics` and `/health` over HTTP, on a thread of their own, while a command lasts."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol

from harness.errors import UsageError
from harness.watch import exposition
from harness.watch.exposition import RunCounts

LOOPBACK = "127.0.0.1"
CLIENT_S = 5.0
"""How long a client may take to send its request."""
PORT_MAX = 65535


class MetricsAddress(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> MetricsAddress:
        """Return the address in `PORT` or `HOST:PORT`; a port alone is on the loopback.

        Raises:
            UsageError: It is none.
        """
        host, colon, port = text.rpartition(":")
        if not port.isdecimal() or int(port) > PORT_MAX or (colon and not host):
            raise UsageError(
                f"not an address: {text!r}",
                where="--metrics",
                hint="write PORT, or HOST:PORT such as 0.0.0.0:9464; 0 is any free port",
            )
        return cls(host.strip("[]") or LOOPBACK, int(port))


class Metered(Protocol):
    """What the server shows."""

    def runs(self) -> list[RunCounts]:
        """Return what was counted so far."""

    def health(self) -> dict[str, Any]:
        """Return what is true of the command now, in plain data."""


@contextmanager
def metrics_server(shown: Metered | None, where: str | None) -> Iterator[str | None]:
    """Serve metrics, from entering until leaving.

    Args:
        shown: What to serve.
        where: Where to listen, as in `--metrics`; nowhere if None.

    Yields:
        The address of `/metrics`; None if it is nowhere.

    Raises:
        UsageError: It is no address, or nobody can listen there.
    """
    if shown is None or where is None:
        yield None
        return
    with _served(shown, MetricsAddress.parse(where)) as url:
        yield url


@contextmanager
def _served(shown: Metered, address: MetricsAddress) -> Iterator[str]:
    server = _listening(shown, address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="metrics", daemon=True)
    thread.start()
    try:
        host = f"[{address.host}]" if ":" in address.host else address.host
        yield f"http://{host}:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(shown: Metered, address: MetricsAddress) -> _MetricsListener:
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return _MetricsListener(shown, address, family)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {address.host}:{address.port}: {error.strerror or error}",
            where="--metrics",
            hint="another run may serve its metrics there: choose another port, or 0 for any free one",
        ) from None


class _MetricsListener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection must not hold up the command

    def __init__(self, shown: Metered, address: MetricsAddress, family: int) -> None:
        self.address_family = family
        self.shown = shown
        super().__init__(address, _ScrapeHandler)

    def server_bind(self) -> None:
        """Bind, without asking a name server for our own name."""
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()


class _ScrapeHandler(BaseHTTPRequestHandler):
    server: _MetricsListener
    timeout = CLIENT_S
    server_version = "harness"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer a request."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            body, content_type = exposition.negotiated(self.server.shown.runs(), self.headers.get("Accept", ""))
            self._answer(200, body, content_type)
        elif path == "/health":
            facts = {"status": "ok"} | self.server.shown.health()
            self._answer(200, json.dumps(facts).encode() + b"\n", "application/json")
        else:
            self._answer(404, b"there are /metrics and /health\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815 - the name that the standard library looks for

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Write nothing: standard error is the progress'."""
