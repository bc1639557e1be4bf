"""The adapter bounds, checks and refuses what the library lets through."""

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.live.toxiproxy import Binary, client
from harness.live.toxiproxy.client import ApiClient, WedgedError
from harness.provider.listener import ListenerState
from harness.quantities import MS
from tests.live.world import NAME, World, tell

pytestmark = pytest.mark.system


@pytest.mark.parametrize(("delay_ns", "jitter_ns"), [(-1 * MS, 0), (5 * MS, 6 * MS), (5 * MS, -1 * MS), (10**18, 0)])
def test_values_that_would_crash_the_server_are_not_sent(
    binary: Binary, tmp_path: Path, delay_ns: int, jitter_ns: int
) -> None:
    """They are an error here, and the server lives on."""

    async def story(made: World) -> None:
        with pytest.raises(HarnessError, match="is not possible"):
            await made.toxiproxy.set(NAME, ListenerState(delay_ns=delay_ns, jitter_ns=jitter_ns))
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


@pytest.mark.parametrize("speed", [-1000, 1, 1500, 10**12])
def test_speeds_that_would_hang_the_server_are_not_sent(binary: Binary, tmp_path: Path, speed: int) -> None:
    """They are an error here, and the server lives on."""

    async def story(made: World) -> None:
        with pytest.raises(HarnessError, match="is not possible"):
            await made.toxiproxy.set(NAME, ListenerState(bytes_per_second=speed))
        assert (await made.call())[0] == b"ok\n"

    tell(binary, tmp_path, story)


class _Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_POST(self) -> None:
        """Answer with the status of the test."""
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b'{"error": "bind: address already in use"}')

    do_GET = do_POST  # noqa: N815 - the base class's names

    def log_message(self, *_args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def api() -> Iterator[int]:
    """Yield the port of something that answers like an API in trouble."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield web.server_address[1]
        web.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [400, 404, 409, 418, 500, 503])
def test_no_failure_passes_for_success(api: int, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    """The library takes a 500 for success; we do not, nor a proxy for the internet for our way."""
    monkeypatch.setattr(_Answers, "status", status)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with contextlib.closing(ApiClient(api)) as adapter, pytest.raises(HarnessError, match="address already in use"):
        adapter.enable("proxy-1", enabled=True)


def test_silence_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and stays silent is given up, as is one that is not there."""
    monkeypatch.setattr(client, "TIMEOUT_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with contextlib.closing(ApiClient(port)) as adapter, pytest.raises(WedgedError, match="ReadTimeout"):
            adapter.enable("proxy-1", enabled=True)
    with contextlib.closing(ApiClient(port)) as adapter, pytest.raises(WedgedError, match="ConnectionError"):
        adapter.enable("proxy-1", enabled=True)
