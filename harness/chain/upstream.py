"""The addresses of real providers, and the keys for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.chain.spec import Chain


class UpstreamAddress(NamedTuple):
    """A real provider's address.

    Attributes:
        tls: Whether it is called over TLS.
        host: Its name or number.
        port: Its port.
        path: Comes before a call's own path; without a slash at its end.
    """

    tls: bool
    host: str
    port: int
    path: str

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine, so that calling it needs no permission."""
        return is_loopback(self.host)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Return whether a host's name or number is this machine's own, which no other machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse(text: str) -> UpstreamAddress:
    """Return a real provider's address.

    Raises:
        ValueError: It is no address, or none that a key may be sent to; the message names the reason.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or any(sign.isspace() for sign in text):
        msg = f"expected an https address, found {text!r}"
        raise ValueError(msg)
    if "@" in parts.netloc or parts.query or parts.fragment:
        msg = "an upstream has no password, query or fragment"
        raise ValueError(msg)
    tls = parts.scheme == "https"
    try:
        port = parts.port or (443 if tls else 80)
    except ValueError:
        msg = "expected a port from 1 to 65535"
        raise ValueError(msg) from None
    upstream = UpstreamAddress(tls, parts.hostname, port, parts.path.rstrip("/"))
    if not tls and not upstream.loopback:
        msg = "keys and prompts would cross the network in the clear: only https leaves this machine"
        raise ValueError(msg)
    return upstream


def upstream_addresses(chain: Chain) -> dict[str, UpstreamAddress]:
    """Return the providers that are real, by name."""
    return {name: parse(spec.upstream) for name, spec in chain.providers.items() if spec.upstream is not None}


def keys(chain: Chain, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the keys that replace the callers', by provider.

    Raises:
        UsageError: One is not in the environment.
    """
    found = {}
    for name, spec in chain.providers.items():
        if spec.upstream is None or spec.api_key is None:
            continue
        variable = spec.api_key.partition("/")[2]
        key = environ.get(variable, "").strip()
        if not key:
            problem = f"the environment variable {variable} is not set"
            raise UsageError(problem, where=f"providers.{name}.api_key", hint=f"export {variable}=…")
        found[name] = key
    return found
