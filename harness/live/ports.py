"""What the nemesis acts on: providers' ports, the gateway's process, and the connections to the gateway and its database."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from harness.chain.keys import GatewaySecrets
from harness.live.chain_process import ChainProcess
from harness.messages import LoadTarget
from harness.provider.listener import ListenerState
from harness.scenario import Timeline, Window

_CALLERS = "@gateway"
_DATABASE = "@database"
"""Names of proxies that no provider can have."""
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = "01"


class Proxies(Protocol):
    """What is needed of `Toxiproxy`."""

    async def add(self, name: str, *, upstream: str, listen: str = ..., resets: bool = ...) -> str:
        """Put a proxy in front of an address."""

    async def set(self, name: str, state: ListenerState) -> None:
        """Make a proxy's port behave like this."""


class Ports:
    """All places where faults act that are not the edge's to decide.

    Args:
        proxy: Toxiproxy, with a proxy in front of each provider.
        chain: The chain's process; None where no fault acts on the gateway.
    """

    def __init__(self, proxy: Proxies, chain: ChainProcess | None) -> None:
        self._proxy = proxy
        self._chain = chain
        self._callers = False
        self._database: int | None = None

    async def in_front(self, target: LoadTarget, timeline: Timeline) -> LoadTarget:
        """Put Toxiproxy between the callers and the gateway, where a fault is to act there; return what callers call then."""
        windows = [window for window in timeline.on("gateway") if not window.inject.fault_kind.of_process]
        if not windows:
            return target
        parts = urlsplit(target.base_url)
        host, port = parts.hostname or "", parts.port or 80
        upstream = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        resets = any(window.port_state.get("resets") for window in windows)
        address = await self._proxy.add(_CALLERS, upstream=upstream, resets=resets)
        self._callers = True
        # The gateway must not notice: it may choose by the host's name.
        headers = {"host": parts.netloc.rpartition("@")[2], **target.headers}
        login, at, _ = parts.netloc.rpartition("@")
        return replace(target, base_url=parts._replace(netloc=f"{login}{at}{address}").geturl(), headers=headers)

    async def before_database(self, gateway: GatewaySecrets | None, timeline: Timeline) -> str | None:
        """Put Toxiproxy in front of the gateway's database, where a fault is to act there; return the address to call then."""
        if gateway is None or not timeline.on("database"):
            return None
        address = gateway.database
        host = f"[{address.host}]" if ":" in address.host else address.host
        proxy = await self._proxy.add(_DATABASE, upstream=f"{host}:{address.port}")
        self._database = int(proxy.rpartition(":")[2])
        return address.through(proxy)

    async def set(self, window: Window, state: ListenerState) -> int | None:
        """Make the port on which a window acts behave like this.

        Returns:
            1 if the gateway's process was ended for it; of a database how many connections were open before that; None where
            that shows elsewhere.

        Raises:
            HarnessError: It could not be done.
        """
        if window.at_provider:
            await self._proxy.set(window.provider, state)
            return None
        if window.leg == "gateway":
            if self._callers and state.process != "running":
                # A dead gateway refuses connections; the proxy before it would accept them.
                await self._proxy.set(_CALLERS, replace(state, connecting="refused"))
            assert self._chain is not None
            ended = await self._chain.bring(state.process)
            if self._callers and state.process != "killed":
                await self._proxy.set(_CALLERS, state)
            return ended
        assert self._database is not None
        hits = connections(self._database)
        await self._proxy.set(_DATABASE, state)
        return hits


def connections(port: int) -> int | None:
    """Return how many connections to a port of this machine are open; None where the system does not say (it has no /proc)."""
    tables = [table.read_text() for table in _TABLES if table.is_file()]
    ends = (line.split()[1:4] for table in tables for line in table.splitlines()[1:])
    mine = sum(local.endswith(f":{port:04X}") and state == _ESTABLISHED for local, _remote, state in ends)
    return mine if tables else None
