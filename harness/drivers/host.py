"""What the live engine needs to host a chain, on any driver."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.endpoint import remarks
from harness.chain.keys import gateway_secrets
from harness.drivers.endpoint import Probe, fill, headers
from harness.drivers.interpreter import Interpreter, environ_there, interpreter_of
from harness.errors import UsageError
from harness.messages import ChainStart, LoadTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """How one chain is hosted.

    Attributes:
        chain: With its secrets.
        part: Arguments of our own child that hosts the chain; None if the user's own gateway hosts it.
        forked: The module that the child runs, if it may be forked from a process that has done its imports; else None.
        variables: Names of the environment variables that the child's library takes settings from. No keys are among them.
        interpreter: In which the child runs; None for our own.
    """

    chain: Chain
    part: tuple[str, ...] | None
    forked: str | None
    variables: frozenset[str]
    interpreter: Interpreter | None

    def start_message(
        self, capture: Path | None, base_urls: Mapping[str, str], *, seed: int, database: str | None = None
    ) -> ChainStart:
        """Return the part's start message; for its standard input alone, as it holds the chain's secrets.

        Args:
            capture: The folder for its rows; None records nothing.
            base_urls: Where each provider is called, by name, without the dialect's own path.
            seed: The plan's: fixes the reference chain's random draws.
            database: Where its database is called, in place of its own address.
        """
        own = gateway_secrets(self.chain, os.environ)
        folder = None if capture is None else str(capture)
        return ChainStart(
            chain=self.chain,
            base_urls=dict(base_urls),
            seed=seed,
            capture=folder,
            environ=_looked_up(self.chain),
            key=self._key() if own is None else own.master,
            database=None if own is None else database or own.database.url,
            salt="" if own is None else own.salt,
        )

    def _key(self) -> str:
        """Return a key for the callers of a gateway of ours that has none; empty where the chain is no gateway."""
        return f"sk-{secrets.token_urlsafe(32)}" if driver_of(self.chain).in_process is None else ""

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the child, given that of a child in our own interpreter."""
        return dict(environ) if self.interpreter is None else environ_there(environ)

    def command(self, base_urls: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the user's own command that starts the gateway, or None; addresses as in `start_message`."""
        endpoint = self.chain.endpoint
        return None if endpoint is None or endpoint.command is None else fill(endpoint.command, base_urls)

    def target(self) -> LoadTarget:
        """Return what the load sends to a gateway that is not ours to host, and where."""
        endpoint, probe = self.chain.endpoint, self.probe()
        assert endpoint is not None
        assert probe is not None
        return LoadTarget(
            base_url=endpoint.base_url.rstrip("/"),
            model=endpoint.model,
            headers=headers(endpoint, os.environ),
            addressable={self.chain.order[0]: endpoint.model},
            warnings=remarks(endpoint),
            ready=probe.url,
        )

    def probe(self) -> Probe | None:
        """Return the readiness probe of the user's own gateway; None if the harness hosts the chain."""
        endpoint = self.chain.endpoint
        return None if endpoint is None else Probe(endpoint, headers(endpoint, os.environ))


def host(chain: Chain) -> Host:
    """Return how a chain is hosted.

    Raises:
        UsageError: Its driver cannot do what the chain asks for or is not installed, or a key is not set.
    """
    driver = driver_of(chain)
    driver.check(chain)
    interpreter = interpreter_of(chain)
    if chain.endpoint is not None:
        headers(chain.endpoint, os.environ)
    prisma = (
        frozenset(name for name in os.environ if name.startswith("PRISMA_")) if chain.keys is not None else frozenset()
    )
    gateway_secrets(chain, os.environ)
    needs = driver.requirement
    if interpreter is None and needs is not None and not all(map(find_spec, needs.modules)):
        raise UsageError(f"{needs.what} is not installed", where="driver", hint=needs.hint)
    program = driver.part(chain) if driver.part is not None else None
    if program is None:
        return Host(chain=chain, part=None, forked=None, variables=frozenset(), interpreter=None)
    if interpreter is not None:
        part = interpreter.command(*program)
        variables = driver.variables(interpreter.origins) | prisma
        return Host(chain=chain, part=part, forked=None, variables=variables, interpreter=interpreter)
    return Host(
        chain=chain,
        part=(sys.executable, "-m", *program),
        forked=program[0] if driver.forked else None,
        variables=driver.variables({}) | prisma,
        interpreter=None,
    )


class _Lookups(Mapping[str, str]):
    """The environment, and the names that were looked up in it."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return os.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def _looked_up(chain: Chain) -> dict[str, str]:
    """Return those variables that hosting a chain looks up: the keys that it names, or that its library takes by default."""
    lookups = _Lookups()
    driver_of(chain).warnings(chain, lookups)
    return {name: os.environ[name] for name in sorted(lookups.names) if name in os.environ}
