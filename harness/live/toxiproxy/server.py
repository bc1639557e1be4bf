"""One Toxiproxy server per run: started fresh, proven to be ours, replaced when it hangs, ended with the run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.errors import HarnessError
from harness.history.records import HealthRecord
from harness.lazy import lazy
from harness.live.environment import child_environment
from harness.live.processes import OwnedProcess
from harness.live.toxiproxy.port import Port
from harness.live.toxiproxy.silence import watch_api
from harness.provider.listener import OPEN, ListenerState
from harness.waiting import to_the_end

if TYPE_CHECKING:
    from harness.live.toxiproxy import client as api
    from harness.live.toxiproxy.client import ApiClient
else:
    api = lazy("harness.live.toxiproxy.client")  # its libraries come with the extra `live`

START_S = 10.0
_TRIES = 3

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proxy:
    """What one provider's proxy should be like, so that a new server can be made the same."""

    id: str
    upstream: str
    port: Port
    resets: bool
    state: ListenerState = OPEN


@dataclass(frozen=True, slots=True)
class _Server:
    child: OwnedProcess
    client: ApiClient


class Toxiproxy:
    """The proxies in front of the providers, by provider name. Make one with `async with Toxiproxy.start(…)`.

    Attributes:
        restarts: How often a server that hung was replaced; each drops every connection, which no scenario asked for.
    """

    def __init__(self, binary: Path, log: Path) -> None:
        self.restarts = 0
        self._binary = binary
        self._log = log
        self._proxies: dict[str, _Proxy] = {}
        self._known: dict[str, ListenerState] = {}
        self._ports: list[Port] = []
        self._server: _Server
        self._dead: asyncio.Future[HarnessError] = asyncio.get_running_loop().create_future()
        self._exit_watch: asyncio.Task[None]
        self._replacing = asyncio.Lock()
        # One thread: a call whose caller was cancelled still comes before the call that reverts it.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="toxiproxy")

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, binary: Path, *, log: Path) -> AsyncIterator[Toxiproxy]:
        """Start a server on a free port of the loopback; leaving ends it.

        Args:
            binary: The program; see `provision`.
            log: Its output is appended here.

        Raises:
            HarnessError: It does not start.
        """
        self = cls(binary, log)
        try:
            await self._start()
            try:
                yield self
            finally:
                await to_the_end(self._end())
        finally:
            for port in self._ports:
                port.close()
            self._thread.shutdown()  # the server is gone, so whatever call was open has failed

    async def add(self, name: str, *, upstream: str, listen: str = "127.0.0.1:0", resets: bool = False) -> str:
        """Put a proxy in front of a provider and return the address to call, `host:port`.

        Args:
            name: The provider's.
            upstream: Where its calls go: `127.0.0.1:PORT` of the edge.
            listen: A fixed `host:port`, or port 0 for any free one.
            resets: Whether whatever closes a connection, the upstream or its caller, does so to the other by RST; else
                an RST arrives as a FIN.

        Raises:
            HarnessError: The port is in use.
        """
        port = Port(listen, what=f"provider {name!r}")
        self._ports.append(port)
        proxy = _Proxy(id=f"proxy-{len(self._ports)}", upstream=upstream, port=port, resets=resets)
        await self._call(lambda client: _create(client, proxy))
        self._proxies[name] = proxy
        self._known[name] = proxy.state
        return port.address

    async def set(self, name: str, state: ListenerState) -> None:
        """Make a provider's port behave like this; connections that are open break when it stops accepting new ones."""
        known = self._known.pop(name, None)  # unknown until it has worked
        # Noted before the call, so that a server that has to be replaced comes up like this.
        proxy = self._proxies[name] = replace(self._proxies[name], state=state)
        await self._call(lambda client: _apply(client, proxy, known))
        self._known[name] = state

    async def watch(self, put: Callable[[HealthRecord], None]) -> None:
        """Write health records until cancelled; see `watch_api`."""
        await watch_api(lambda: self._server.client.port, put)

    async def died(self) -> HarnessError:
        """Complete when the server ends by itself; return how. One that hung and was replaced does not count."""
        return await asyncio.shield(self._dead)

    async def _call(self, call: Callable[[ApiClient], T]) -> T:
        """Make one call in our thread; where the server hangs, replace it and try once more."""
        server = self._server
        try:
            return await self._in_thread(lambda: call(server.client))
        except api.WedgedError:
            await to_the_end(self._replace(server))
        try:
            return await self._in_thread(lambda: call(self._server.client))
        except api.WedgedError as error:
            raise HarnessError(f"hung, and so does the one that replaced it: {error}", where="toxiproxy") from error

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def _replace(self, hung: _Server) -> None:
        async with self._replacing:
            if self._server is not hung:
                return  # another caller has done it
            self.restarts += 1
            await self._end(grace_s=0)
            await self._start()
            for proxy in self._proxies.values():
                await self._in_thread(lambda proxy=proxy: _create(self._server.client, proxy))  # type: ignore[misc]

    async def _start(self) -> None:
        for _ in range(_TRIES):
            server = await self._try()
            if server is not None:
                self._server = server
                self._exit_watch = asyncio.create_task(self._watch_exit(server.child))
                return
        raise HarnessError(f"found no free port for its API in {_TRIES} tries", where="toxiproxy")

    async def _try(self) -> _Server | None:
        """Start a server; return None if another program answers on its port.

        On a port that is taken it stays alive and only logs, and another Toxiproxy may answer in its place. So ours
        is started with a proxy of a secret name, which its API must list.
        """
        marker = f"marker-{secrets.token_hex(8)}"
        with (
            tempfile.NamedTemporaryFile("w", suffix=".json") as config,
            contextlib.closing(Port("127.0.0.1:0", what="toxiproxy")) as port,
        ):
            json.dump([{"name": marker, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "enabled": False}], config)
            config.flush()
            argv = [str(self._binary), "-host", "127.0.0.1", "-port", str(port.number), "-config", config.name]
            env = {**child_environment(), "LOG_LEVEL": "error"}  # its default is to log every connection
            async with contextlib.AsyncExitStack() as started:
                child = await started.enter_async_context(OwnedProcess("toxiproxy", argv, log=self._log, env=env))
                client = api.ApiClient(port.number)
                started.callback(client.close)
                if await self._lists(marker, child, client):
                    started.pop_all()
                    return _Server(child, client)
        return None

    async def _lists(self, marker: str, child: OwnedProcess, client: ApiClient) -> bool:
        """Return whether the server that answers lists a marker, and delete it there. A server that ends meanwhile is named."""
        known = False

        async def answers() -> bool:
            nonlocal known
            try:
                if marker in await self._in_thread(client.proxies):
                    known = True
                    await self._in_thread(lambda: client.delete(marker))
            except api.WedgedError:
                return False
            return True

        await child.until(answers, timeout_s=START_S, what="answer on its API")
        return known

    async def _watch_exit(self, child: OwnedProcess) -> None:
        error = await child.died()
        if not self._dead.done():
            self._dead.set_result(error)

    async def _end(self, grace_s: float | None = None) -> None:
        self._exit_watch.cancel()
        await self._server.child.end(grace_s=grace_s)
        self._server.client.close()


def _create(client: ApiClient, proxy: _Proxy) -> None:
    enabled = proxy.state.connecting == "accepted"
    client.create(proxy.id, upstream=proxy.upstream, listen=proxy.port.address, enabled=enabled, resets=proxy.resets)
    _apply(client, proxy, ListenerState(connecting=proxy.state.connecting))


def _apply(client: ApiClient, proxy: _Proxy, known: ListenerState | None) -> None:
    """Bring a proxy from a known state, or an unknown one, into its own."""
    state = proxy.state
    if known is None or known.connecting != state.connecting:
        proxy.port.attend()
        client.enable(proxy.id, enabled=state.connecting == "accepted")
        if state.connecting == "ignored":
            proxy.port.ignore()
    if known is None or (known.delay_ns, known.jitter_ns) != (state.delay_ns, state.jitter_ns):
        client.latency(proxy.id, delay_ns=state.delay_ns, jitter_ns=state.jitter_ns)
    if known is None or known.bytes_per_second != state.bytes_per_second:
        client.bandwidth(proxy.id, bytes_per_second=state.bytes_per_second)
    if proxy.resets and (known is None or known.resets != state.resets):
        client.resets(proxy.id, on=state.resets)
