"""The address that callers call while a fault acts between them and the gateway, and what a dead gateway looks like there."""

import asyncio
from dataclasses import replace

from harness.live.ports import Ports
from harness.messages import LoadTarget
from harness.provider.listener import OPEN, ListenerState
from harness.scenario import Inject, Timeline
from tests.plans import window

TARGET = LoadTarget(base_url="http://me:pw@gateway.local:8787/v1", model="best", addressable={})
SLOW = replace(window(Inject(connection="slow", delay=1), "gateway"), leg="gateway")
RESET = replace(window(Inject(connection="reset"), "gateway"), leg="gateway")
KILL = replace(window(Inject(process="kill"), "gateway"), leg="gateway")


class FakeProxy:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.added: list[tuple[str, bool]] = []
        self.states: list[ListenerState] = []

    async def add(self, name: str, *, upstream: str, listen: str = "127.0.0.1:0", resets: bool = False) -> str:
        """Put a proxy somewhere."""
        self.added.append((upstream, resets))
        return "127.0.0.1:9"

    async def set(self, name: str, state: ListenerState) -> None:
        """Change it."""
        self.states.append(state)


class FakeChain:
    """A process that ends and starts at once."""

    def __init__(self, proxy: FakeProxy) -> None:
        self.proxy = proxy
        self.seen: list[ListenerState] = []

    async def bring(self, process: str) -> int | None:
        """Note how its port behaves meanwhile."""
        self.seen.append(self.proxy.states[-1])
        return 1 if process == "killed" else None


def in_front(proxy: FakeProxy, *windows: object) -> LoadTarget:
    """Return what callers call."""
    timeline = Timeline(windows=windows)  # type: ignore[arg-type]
    return asyncio.run(Ports(proxy, None).in_front(TARGET, timeline))


def test_callers_call_the_gateway_itself_unless_a_fault_acts_between_them() -> None:
    """A proxy would only add to the latency; for a kill none is needed."""
    proxy = FakeProxy()

    assert in_front(proxy) == in_front(proxy, KILL) == TARGET
    assert proxy.added == []


def test_the_gateway_does_not_notice_the_proxy() -> None:
    """It is asked by its own name, and the login stays."""
    proxy = FakeProxy()
    target = in_front(proxy, SLOW)

    assert target.base_url == "http://me:pw@127.0.0.1:9/v1"
    assert target.headers["host"] == "gateway.local:8787"
    in_front(proxy, SLOW, RESET)
    assert proxy.added == [("gateway.local:8787", False), ("gateway.local:8787", True)]


def test_a_dead_gateway_refuses_connections_behind_a_proxy_too() -> None:
    """From its end until it is ready again."""
    proxy = FakeProxy()
    chain = FakeChain(proxy)

    async def story() -> list[int | None]:
        ports = Ports(proxy, chain)  # type: ignore[arg-type]
        await ports.in_front(TARGET, Timeline(windows=(SLOW, KILL)))
        return [await ports.set(KILL, ListenerState(process="killed")), await ports.set(KILL, OPEN)]

    assert asyncio.run(story()) == [1, None]
    assert [state.connecting for state in chain.seen] == ["refused", "refused"]
    assert proxy.states[-1] == OPEN
