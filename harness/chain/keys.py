"""Virtual keys of a gateway with a database: what a chain file says of them, and what the environment must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

from harness.chain.upstream import is_loopback
from harness.document.marks import STRICT, Gt, Le, Len
from harness.errors import UsageError
from harness.provider.spec import EnvName, Name

if TYPE_CHECKING:
    from harness.chain.spec import Chain

TENANT = "tenant/"
"""Begins the value of a header that stands for a tenant's key."""
_SCHEMES = ("postgresql", "postgres")
_PORT = 5432


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A user of the gateway, with a key of its own.

    Attributes:
        budget: The most that its requests may cost, in USD; no limit if None.
    """

    __pydantic_config__ = STRICT

    budget: Annotated[float, Gt(0), Le(10**6)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayKeys:
    """The database of a gateway, and the virtual keys that a run makes in it.

    Attributes:
        database: `env/NAME`: the address of a Postgres that the gateway has set up: `postgresql://user:password@host:5432/name`.
        master: `env/NAME`: the gateway's master key, which begins with `sk-`.
        salt: `env/NAME`: the key by which the gateway encrypts what it stores.
        tenants: By name. A run makes a key for each and deletes it afterwards. The `headers` of a mix name it:
            `authorization: tenant/NAME`.
    """

    __pydantic_config__ = STRICT

    database: EnvName
    master: EnvName = "env/LITELLM_MASTER_KEY"
    salt: EnvName = "env/LITELLM_SALT_KEY"
    tenants: Annotated[dict[Name, Tenant], Len(0, 1000)] = field(default_factory=dict)


class DatabaseAddress(NamedTuple):
    """Where a database is.

    Attributes:
        url: The whole address; holds a password.
        host: Its name or number.
        port: Its port.
    """

    url: str
    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(self.host)

    def through(self, address: str) -> str:
        """Return the whole address with another `host:port` in it."""
        parts = urlsplit(self.url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{address}").geturl()


class GatewaySecrets(NamedTuple):
    """What a gateway with a database is started with.

    Attributes:
        database: Its address.
        master: The master key.
        salt: The salt key.
    """

    database: DatabaseAddress
    master: str
    salt: str


def gateway_secrets(chain: Chain, environ: Mapping[str, str]) -> GatewaySecrets | None:
    """Return the keys and the database's address of a chain; None if its gateway has no database.

    Raises:
        UsageError: A variable is not set, or cannot be what it is said to be. Its value is not shown.
    """
    keys = chain.keys
    if keys is None:
        return None
    master = _variable(keys.master, environ, "keys.master")
    if not master.startswith("sk-"):
        raise UsageError(
            f"{_name(keys.master)} does not begin with sk-", where="keys.master", hint="the gateway refuses such a key"
        )
    return GatewaySecrets(_database(keys.database, environ), master, _variable(keys.salt, environ, "keys.salt"))


def _database(written: EnvName, environ: Mapping[str, str]) -> DatabaseAddress:
    url, where = _variable(written, environ, "keys.database"), "keys.database"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, 0
    if host is None or parts.scheme not in _SCHEMES:
        hint = "postgresql://user:password@127.0.0.1:5432/litellm"
        raise UsageError(f"{_name(written)} is not the address of a Postgres", where=where, hint=hint)
    return DatabaseAddress(url, host, port)


def _variable(written: EnvName, environ: Mapping[str, str], where: str) -> str:
    value = environ.get(_name(written), "").strip()
    if not value:
        hint = f"export {_name(written)}=…"
        raise UsageError(f"the environment variable {_name(written)} is not set", where=where, hint=hint)
    return value


def _name(written: EnvName) -> str:
    return written.partition("/")[2]
