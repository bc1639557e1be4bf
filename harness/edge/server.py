"""The edge's ports, and how they are opened and closed."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Self

from harness.chain import Chain, Provider
from harness.document.spelling import did_you_mean
from harness.edge.budget import CallBudget
from harness.edge.connection import ClientConnection
from harness.edge.provider_port import AttemptEnded, ProviderPort
from harness.edge.upstream import Upstream, UpstreamClient
from harness.errors import HarnessError, UsageError
from harness.provider import decide
from harness.provider.dialects import dialect_of
from harness.scenario import Window
from harness.store import Sink

_ANY = "127.0.0.1:0"
_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,100}")


class Edge:
    """One port per provider. `async with` opens and closes them.

    Attributes:
        ports: By provider, once open.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        *,
        seed: int = 0,
        token: str | None = None,
        windows: Iterable[Window] = (),
        callers: Mapping[str, str] | None = None,
        listen: Mapping[str, str] | None = None,
        capture: Sink | None = None,
        keys: Mapping[str, str] | None = None,
        budget: CallBudget | None = None,
        secrets: frozenset[str] = frozenset(),
        ended: AttemptEnded | None = None,
    ) -> None:
        """Get ready.

        Args:
            providers: By name.
            seed: The plan's.
            token: The run's; None joins nothing and refuses nobody.
            windows: All fault windows of the plan.
            callers: See `Plan.callers`.
            listen: `host:port` by provider; any free port of the loopback where none is given.
            capture: Where records go; None records nothing.
            keys: What replaces the callers' keys on the way to a real provider, by provider.
            budget: What calls to real providers may come to; no limit if None.
            secrets: Texts that no record may hold, beyond what looks like a secret.
            ended: Told how each attempt ended.
        """
        for name in providers:
            if not _NAME.fullmatch(name):
                raise HarnessError(f"a provider's name cannot be part of an attempt's name: {name!r}", where="edge")
        windows = tuple(windows)
        self.ports: dict[str, int] = {}
        self._listen = listen or {}
        real = any(provider.upstream is not None for provider in providers.values())
        self._client = UpstreamClient(budget or CallBudget(), tls=real)
        keys = keys or {}
        self._provider_ports = {
            name: ProviderPort(
                name,
                provider,
                token=token,
                faults=decide.begin(name, seed=seed, windows=windows, callers=callers or {}),
                secrets=secrets | frozenset(keys.values()),
                capture=capture,
                ended=ended,
                real=Upstream(name, provider, self._client, keys.get(name)) if provider.upstream is not None else None,
            )
            for name, provider in providers.items()
        }
        self._servers: list[asyncio.Server] = []
        self._connections: set[ClientConnection] = set()

    def begin(self, origin_ns: int) -> None:
        """Let the faults act from now on; `origin_ns` is the run's origin, in monotonic nanoseconds."""
        for provider_port in self._provider_ports.values():
            provider_port.origin_ns = origin_ns

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await self._client.open()
        try:
            for name, provider_port in self._provider_ports.items():
                address = self._listen.get(name, _ANY)
                host, _, port = address.rpartition(":")
                make = partial(ClientConnection, provider_port, loop, self._connections)
                try:
                    server = await loop.create_server(make, host.strip("[]"), int(port), backlog=1024)
                except OSError as error:
                    raise _unavailable(address, name, error) from None
                self._servers.append(server)
                self.ports[name] = server.sockets[0].getsockname()[1]
        except BaseException:
            self.close()
            await self._client.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()
        await self._client.close()
        for server in self._servers:
            await server.wait_closed()

    def close(self) -> None:
        """Close every port and connection; attempts that are open are recorded as cut."""
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.end()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAddress:
    """Where a provider is.

    Attributes:
        provider: Its name.
        dialect: Whose wire format it speaks.
        model: The model that the chain asks it for.
        base_url: What a client of that dialect is given.
        sdk: The line that leads the vendor's SDK there; see `Dialect.sdk`.
    """

    provider: str
    dialect: str
    model: str
    base_url: str
    sdk: str


@asynccontextmanager
async def serve(
    chain: Chain,
    provider: str | None = None,
    port: int | None = None,
    *,
    keys: Mapping[str, str] | None = None,
    windows: Iterable[Window] = (),
    ended: AttemptEnded | None = None,
) -> AsyncIterator[list[ProviderAddress]]:
    """Run a chain's providers alone: no attempt is joined to a request.

    Args:
        chain: The chain.
        provider: Only this one.
        port: Of the first provider; further ones follow it. Their own `listen`, or any free port, if None.
        keys: What replaces the callers' keys on the way to a real provider, by provider.
        windows: The faults, in time since this call. A provider whose connections are refused has its port for itself, and nobody
            listens there.
        ended: Told how each attempt ended.

    Yields:
        Where the providers are, in the chain's order.
    """
    if provider is not None and provider not in chain.providers:
        raise UsageError(
            f"unknown provider {provider!r}",
            known=", ".join(chain.providers),
            hint=did_you_mean(provider, chain.providers),
        )
    names = [provider] if provider else sorted(chain.providers, key=lambda name: _rank(chain, name))
    providers = {name: chain.providers[name] for name in names}
    if port is None:
        listen = {name: spec.listen for name, spec in providers.items() if spec.listen}
    else:
        listen = {name: f"127.0.0.1:{port + place if port else 0}" for place, name in enumerate(names)}
    windows = tuple(windows)
    refusing = {window.provider for window in windows if window.blocks == "refused"}
    answering = {name: spec for name, spec in providers.items() if name not in refusing}
    with ExitStack() as held:
        closed = {name: _hold(listen.get(name, _ANY), name, held) for name in providers if name in refusing}
        async with Edge(answering, listen=listen, keys=keys, windows=windows, ended=ended) as edge:
            edge.begin(time.monotonic_ns())
            ports = edge.ports | closed
            yield [_address(name, providers[name], listen.get(name, _ANY), ports[name]) for name in providers]


def _address(name: str, provider: Provider, listen: str, port: int) -> ProviderAddress:
    dialect = dialect_of(provider)
    host = f"http://{_host(listen)}:{port}"
    address = host + dialect.base_path
    return ProviderAddress(
        provider=name,
        dialect=provider.dialect,
        model=provider.model,
        base_url=address,
        sdk=dialect.sdk.format(host=host, address=address),
    )


def _hold(address: str, name: str, held: ExitStack) -> int:
    """Take a port and listen to nobody there, until the stack is closed; return its number."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
    try:
        taken.bind((host.strip("[]"), int(port)))
    except OSError as error:
        raise _unavailable(address, name, error) from None
    return int(taken.getsockname()[1])


def _unavailable(address: str, name: str, error: OSError) -> HarnessError:
    return HarnessError(
        f"cannot listen on {address} for provider {name!r}: {error.strerror or error}",
        where="edge",
        hint="end the program that uses this port, or write another `listen`",
    )


def _rank(chain: Chain, name: str) -> int:
    return chain.order.index(name) if name in chain.order else len(chain.order)


def _host(listen: str) -> str:
    return listen.rpartition(":")[0]
