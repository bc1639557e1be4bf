"""The edge's ports, its process, and the mock that is served alone."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.edge import Edge, serve
from harness.errors import HarnessError, UsageError
from harness.lines import read, write
from harness.messages import Begin, EdgeReady, EdgeStart
from harness.provider.answer import Answer
from harness.scenario import Inject
from harness.store import EdgeAttempt
from harness.store.capture import rows
from tests.plans import chain, quick, window

from .conftest import TOKEN, Client, chat, post


@contextmanager
def taken_port() -> Iterator[int]:
    """Hold a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def test_a_taken_port_is_a_clear_error() -> None:
    """It names the address and the provider, and closes what was open already."""
    with taken_port() as port:
        edge = Edge({"a": quick(), "b": quick()}, listen={"b": f"127.0.0.1:{port}"})
        with pytest.raises(HarnessError, match=f"cannot listen on 127.0.0.1:{port} for provider 'b'"):
            await edge.__aenter__()
        with pytest.raises(ConnectionRefusedError):
            await Client.to(edge.ports["a"])


def test_a_name_that_could_not_be_found_again_is_refused() -> None:
    """An attempt's name is part of texts; a provider's name must fit into it."""
    with pytest.raises(HarnessError, match="open>ai"):
        Edge({"open>ai": quick()})


async def test_a_chains_mocks_can_be_served_alone() -> None:
    """Every provider answers at the address that is returned, or the one that was asked for."""
    both = chain(providers={"openai": quick(), "claude": quick("anthropic")})
    async with serve(both) as addresses:
        assert [(a.provider, a.dialect, a.model) for a in addresses] == [
            ("openai", "openai", "gpt-4"),
            ("claude", "anthropic", "gpt-4"),
        ]
        assert addresses[0].base_url.endswith("/v1")
        port = int(addresses[0].base_url.split(":")[2].split("/")[0])
        client = await Client.to(port)
        assert (await client.ask(post(chat()))).status == 200
        await client.close()
    async with serve(both, provider="claude", port=port) as addresses:
        assert [a.base_url for a in addresses] == [f"http://127.0.0.1:{port}"]
    with pytest.raises(UsageError, match="unknown provider 'claud'") as error:
        async with serve(both, provider="claud"):
            pass
    assert error.value.hint == "did you mean 'claude'?"


async def test_whoever_serves_alone_is_told_how_each_attempt_ended() -> None:
    """A mock's answer as it left and a fault's, but not a question about models: that is no attempt."""
    heard: list[tuple[Any, ...]] = []

    def ended(provider: str, outcome: str, status: int | None, took_ns: int | None, answer: Answer) -> None:
        heard.append((provider, outcome, status, answer.tokens_out))
        assert took_ns is not None
        assert took_ns > 0

    every_other = window(Inject(status=503), every=2)
    async with serve(chain(providers={"openai": quick(tokens=4)}), windows=[every_other], ended=ended) as addresses:
        client = await Client.to(int(addresses[0].base_url.split(":")[2].split("/")[0]))
        statuses = [(await client.ask(post(chat()))).status for _ in range(2)]
        await client.close()
    assert sorted(statuses) == [200, 503]
    assert sorted(heard, key=str) == [("openai", "ok", 200, 4), ("openai", "status", 503, None)]


@contextmanager
def process(start: EdgeStart) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the edge as the runner does; it does not outlive the block."""
    with subprocess.Popen(
        [sys.executable, "-m", "harness.edge"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as child:
        try:
            assert child.stdin
            child.stdin.write(write(start))
            child.stdin.flush()
            yield child
        finally:
            child.kill()


def config(tmp_path: Path, **more: Any) -> EdgeStart:
    """Return a start message."""
    providers = {"openai": quick(), "azure": quick("azure")}
    windows = [window(Inject(connection="silent"), "azure")]
    return EdgeStart(providers=providers, token=TOKEN, seed=1, windows=tuple(windows), capture=str(tmp_path), **more)


@pytest.mark.system
def test_the_process_serves_until_it_is_let_go(tmp_path: Path) -> None:
    """Ports in its ready message, faults from the origin on, all rows on disk and exit 0, hung clients or not."""
    with process(config(tmp_path)) as child:
        assert child.stdin
        assert child.stdout
        ports = read(child.stdout.readline(), EdgeReady).ports
        child.stdin.write(write(Begin(origin_ns=time.monotonic_ns())))
        child.stdin.flush()
        with (
            socket.create_connection(("127.0.0.1", ports["azure"])) as hung,
            socket.create_connection(("127.0.0.1", ports["openai"])) as served,
        ):
            hung.sendall(post(chat(), path="/openai/deployments/gpt-4/chat/completions"))
            served.sendall(post(chat()))
            assert served.recv(100).startswith(b"HTTP/1.1 200 OK")
            child.stdin.close()
            assert child.wait(10) == 0
    found = list(rows(tmp_path / "edge.jsonl"))
    names = [row.attempt_id for row in found if isinstance(row, EdgeAttempt)]
    assert "req-000001.openai.1" in names


@pytest.mark.system
def test_the_process_says_why_it_cannot_start(tmp_path: Path) -> None:
    """Exit 4 and one error for people, without a traceback."""
    with taken_port() as port, process(config(tmp_path, listen={"azure": f"127.0.0.1:{port}"})) as child:
        assert child.wait(20) == 4
        assert child.stderr
        said = child.stderr.read().decode()
    assert said.startswith("error: edge: cannot listen on")
    assert "Traceback" not in said
