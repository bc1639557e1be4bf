"""A gateway that the harness does not host: its command, its readiness, the headers of its requests.

Plain helpers: the process itself belongs to the live engine.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness.chain.keys import TENANT
from harness.chain.spec import PLACEHOLDER, Endpoint
from harness.drivers.ready import ANSWER_S
from harness.errors import HarnessError, UsageError
from harness.http_rules import is_success
from harness.lazy import lazy
from harness.waiting import poll

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy("httpx")  # of the extra `live`

READY_S = 60.0
"""As long as parts of ours may take: LiteLLM's own command needs 7 s, and several times that on a busy machine."""

_TRY_S = 1.0


def fill(command: Sequence[str], base_urls: Mapping[str, str]) -> tuple[str, ...]:
    """Return a command with `{NAME.base_url}` replaced by that provider's address; all other braces stay.

    Args:
        command: The arguments as written.
        base_urls: By provider's name.

    Raises:
        UsageError: A name that no provider has.
    """

    def address(match: re.Match[str]) -> str:
        name = match[1]
        if name not in base_urls:
            raise UsageError(
                f"unknown provider {name!r} in {match[0]!r}", where="endpoint.command", known=", ".join(base_urls)
            )
        return base_urls[name]

    return tuple(PLACEHOLDER.sub(address, argument) for argument in command)


def headers(endpoint: Endpoint, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what every request carries, by names in lower case: the key as its bearer token too, so it holds secrets.

    Args:
        endpoint: The gateway.
        environ: The environment that the key is looked up in.

    Raises:
        UsageError: The key's variable is not set, or holds what no header can.
    """
    given = {name.lower(): value for name, value in endpoint.headers.items()}
    if endpoint.api_key is None:
        return given
    return {**given, "authorization": f"Bearer {_key(endpoint.api_key, environ, 'endpoint.api_key')}"}


def given_headers(
    written: Mapping[str, str], environ: Mapping[str, str], tenants: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Return the headers of a kind of request, by names in lower case, which may be secrets.

    Args:
        written: As in the scenario; `env/NAME` stands for a variable, `tenant/NAME` for a tenant's key.
        environ: The environment that they are looked up in.
        tenants: The tenants' keys; a name that is not among them stays as it is written.

    Raises:
        UsageError: A variable is not set, or holds what no header can.
    """
    found: dict[str, str] = {}
    for name, value in written.items():
        if value.startswith("env/"):
            key = _key(value, environ, f"load.mix headers.{name}")
            found[name.lower()] = _value(name, key)
        elif (tenant := value.removeprefix(TENANT)) != value and tenant in tenants:
            found[name.lower()] = _value(name, tenants[tenant])
        else:
            found[name.lower()] = value
    return found


def _value(header: str, key: str) -> str:
    return f"Bearer {key}" if header.lower() == "authorization" else key


def _key(written: str, environ: Mapping[str, str], where: str) -> str:
    """Return the key in the environment variable that `env/NAME` names."""
    name = written.removeprefix("env/")
    key = environ.get(name, "").strip()
    if not key:
        raise UsageError(f"the environment variable {name} is not set", where=where)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError(
            f"{name} holds no usable key: it has spaces, or letters that cannot be in a header", where=where
        )
    return key


class Probe:
    """Finds out whether a gateway is ready, never by a chat request.

    Args:
        endpoint: The gateway.
        headers: Sent along, where a path is asked; may hold secrets.

    Attributes:
        what: What the gateway must do to be ready: `accept connections at 127.0.0.1:8787`.
        url: Where it says whether it is; None where an accepted connection is enough. May hold a password.
    """

    def __init__(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        parts = urlsplit(endpoint.base_url)
        self._host, self._port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        self._headers = dict(headers)
        self.url = None
        self.what = f"accept connections at {self.address}"
        if endpoint.ready is not None:
            # A user's name in the address would take the place of the header; the load prefers the header.
            netloc = parts.netloc.rpartition("@")[2] if "authorization" in headers else parts.netloc
            self.url = f"{parts.scheme}://{netloc}{endpoint.ready}"
            self.what = f"answer GET {endpoint.ready} at {self.address} with a 2xx"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self._host}:{self._port}"

    async def ready(self) -> bool:
        """Return whether it is ready, within some five seconds."""
        return await (self.accepts() if self.url is None else self._well(self.url))

    async def accepts(self) -> bool:
        """Return whether something accepts a connection at the gateway's port. Nothing is sent."""
        try:
            async with asyncio.timeout(_TRY_S):
                _reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def free(self) -> None:
        """Make sure that the port of a gateway that is about to be started is free.

        Raises:
            HarnessError: It is not: all requests would go to another program.
        """
        if await self.accepts():
            hint = "end it, give endpoint.base_url another port, or leave `command` out to test what runs there"
            raise HarnessError(f"something already runs at {self.address}", where="chain", hint=hint)

    async def wait(self, *, timeout_s: float = READY_S) -> None:
        """Return once a gateway that was started elsewhere is ready.

        Raises:
            HarnessError: It is not in time.
        """
        if not await poll(self.ready, timeout_s=timeout_s):
            hint = "is it running, and is endpoint.base_url its address?"
            raise HarnessError(f"did not {self.what} within {timeout_s:g} s", where="chain", hint=hint)

    async def _well(self, url: str) -> bool:
        try:
            async with (
                asyncio.timeout(ANSWER_S),
                httpx.AsyncClient(timeout=None, headers=self._headers, trust_env=False) as client,
            ):
                answer = await client.get(url)
                return is_success(answer.status_code)
        except (httpx.HTTPError, OSError, TimeoutError):
            return False
