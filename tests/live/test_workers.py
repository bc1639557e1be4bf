"""How the runner spreads the load."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.live.workers import LoadSetup, reachable
from harness.messages import LoadStart
from harness.scenario.schema import Load


class Proxies:
    """In the place of Toxiproxy."""

    def __init__(self) -> None:
        self.added: list[dict[str, Any]] = []

    async def add(self, name: str, *, upstream: str, listen: str = "", resets: bool = False) -> str:
        """Remember a proxy; return where it listens."""
        self.added.append({"name": name, "upstream": upstream, "listen": listen, "resets": resets})
        return listen if not listen.endswith(":0") else listen[:-1] + "4711"

    async def set(self, name: str, state: Any) -> None:
        """Not needed."""
        raise NotImplementedError


def start(base_url: str) -> LoadStart:
    """Return a start message."""
    return LoadStart(token="abcd1234", base_url=base_url, model="gpt-4", load=Load(rate=1))


@pytest.mark.parametrize(
    ("setup", "base_url"),
    [
        (LoadSetup(workers=2), "http://127.0.0.1:8000/v1"),
        (LoadSetup(expected=2), "http://127.0.0.1:8000/v1"),
        (LoadSetup(workers=2, host="10.0.0.5", port=5557), "http://127.0.0.1:8000/v1"),
        (LoadSetup(expected=2, host="10.0.0.5", port=5557), "http://10.0.0.9:8000/v1"),
    ],
)
def test_nothing_listens_beyond_the_loopback_unless_it_must(setup: LoadSetup, base_url: str) -> None:
    """Not for workers of this machine, not where the master is on the loopback, not for a gateway that others reach."""
    proxies = Proxies()
    asked = start(base_url)
    assert asyncio.run(reachable(setup, asked, proxies)) == asked
    assert proxies.added == []


@pytest.mark.parametrize(("port", "listen", "relay"), [(5557, "10.0.0.5:5558", 5558), (0, "10.0.0.5:0", 4711)])
def test_workers_elsewhere_reach_a_chain_of_the_loopback(port: int, listen: str, relay: int) -> None:
    """By the port after the master's; the chain is still called by its own name."""
    proxies = Proxies()
    setup = LoadSetup(expected=1, host="10.0.0.5", port=port)
    found = asyncio.run(reachable(setup, start("http://localhost:8000/v1"), proxies))
    assert [(each["upstream"], each["listen"]) for each in proxies.added] == [("localhost:8000", listen)]
    assert (found.relay_port, found.headers["host"]) == (relay, "localhost:8000")


def test_the_options_say_the_same_again() -> None:
    """A run names the command that repeats it; the token is no part of it."""
    setup = LoadSetup(workers=2, expected=1, port=5557, token="secret", web_ui=True)
    assert " ".join(setup.words) == "--workers 2 --expect-workers 1 --master 127.0.0.1:5557 --locust-ui"
    assert "secret" not in repr(setup)
