"""Virtual keys of a run's tenants: made in the gateway before the run, deleted after it, and what each has spent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.chain import Chain
from harness.errors import HarnessError
from harness.history.records import SpendRecord
from harness.http_rules import is_success
from harness.lazy import lazy
from harness.messages import LoadTarget
from harness.quantities import plural
from harness.waiting import to_the_end

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy("httpx")  # of the extra `live`

CALL_S = 20.0
"""How long the gateway may take to make, list or delete keys."""
FLUSH_S = 24.0
"""How long LiteLLM may keep spend to itself: it writes every 10 to 15 s, give or take 6 s, unless `proxy_batch_write_at` says otherwise."""
SPREAD_S = 14.0
"""How much longer than `proxy_batch_write_at` it may take: up to 5 s of its interval and 6 s of each time are random, and the writing takes some."""
FLUSH_S_MAX = 120.0
"""Longer than this no run waits; then the comparison is undecided."""
LASTS = "6h"
"""Keys expire by themselves after this, in case nobody deletes them."""
_PREFIX = "harness"
_PAGE = 100
_PAGES_MAX = 50


class Tenants:
    """The keys of one run. Use it as `async with tenants(…) as made:`; leaving deletes them.

    Attributes:
        target: What callers call, with the tenants' keys.
        flush_s: How long the gateway may keep spend to itself.
    """

    def __init__(self, client: httpx.AsyncClient, target: LoadTarget, flush_s: float) -> None:
        self.target = target
        self._client = client
        self.flush_s = flush_s

    async def spend(self, put: Callable[[SpendRecord], None]) -> None:
        """Wait until the gateway has written what it knows, and record what each tenant has spent."""
        if self.target.tenants:
            await asyncio.sleep(self.flush_s)
        for name, key in self.target.tenants.items():
            put(await self._spent(name, key))

    async def _spent(self, name: str, key: str) -> SpendRecord:
        record = SpendRecord(tenant=name, at_ns=time.monotonic_ns())
        try:
            found = await _call(self._client, "GET", "/key/info", params={"key": key})
            return replace(record, at_ns=time.monotonic_ns(), spend_usd=float(found["info"]["spend"]))
        except (HarnessError, KeyError, TypeError, ValueError) as error:
            return replace(record, error=str(error)[:200])


@contextlib.asynccontextmanager
async def tenants(target: LoadTarget, chain: Chain, *, run: str, say: Callable[[str], None]) -> AsyncIterator[Tenants]:
    """Make a key for each tenant; leaving deletes them, whatever has happened.

    Args:
        target: Where the gateway answers; its headers hold the master key.
        chain: Whose tenants they are.
        run: The run's token: no two runs have keys of the same name.
        say: Called with a line if keys of a run are deleted that ended without doing so.

    Raises:
        HarnessError: The gateway makes no keys.
    """
    wanted = {} if chain.keys is None else chain.keys.tenants
    aliases = {name: f"{_PREFIX}:{socket.gethostname()}:{os.getpid()}:{run}:{name}" for name in wanted}
    base = httpx.URL(target.base_url)
    async with httpx.AsyncClient(
        base_url=base.copy_with(path="/"), headers=dict(target.headers), timeout=CALL_S, trust_env=False
    ) as client:
        if wanted:
            await _clean(client, say)
        keys: dict[str, str] = {}
        try:
            for name, tenant in wanted.items():
                body = {"key_alias": aliases[name], "duration": LASTS, "max_budget": tenant.budget}
                keys[name] = str((await _call(client, "POST", "/key/generate", json=body))["key"])
            yield Tenants(client, replace(target, tenants=keys), flush_s(chain))
        finally:
            await to_the_end(_delete(client, [aliases[name] for name in keys], say))


def flush_s(chain: Chain) -> float:
    """Return how long a gateway may keep spend to itself."""
    written = ((chain.litellm or {}).get("general_settings") or {}).get("proxy_batch_write_at")
    return FLUSH_S if not isinstance(written, int | float) else min(written + SPREAD_S, FLUSH_S_MAX)


async def _clean(client: httpx.AsyncClient, say: Callable[[str], None]) -> None:
    """Delete the keys of this machine's runs that were killed."""
    left = [alias async for alias in _listed(client) if _is_left(alias)]
    if left:
        await _delete(client, left, say)
        say(f"deleted {plural(len(left), 'key')} of runs that had been killed")


async def _listed(client: httpx.AsyncClient) -> AsyncIterator[str]:
    """Yield the names of all keys that runs have made."""
    for page in range(1, _PAGES_MAX + 1):
        params = {"return_full_object": "true", "size": _PAGE, "page": page}
        found = (await _call(client, "GET", "/key/list", params=params)).get("keys") or []
        for key in found:
            alias = key.get("key_alias") if isinstance(key, dict) else None
            if isinstance(alias, str) and alias.startswith(f"{_PREFIX}:"):
                yield alias
        if len(found) < _PAGE:
            return


def _is_left(alias: str) -> bool:
    """Return whether a key was made by a run on this machine whose process has ended."""
    match = re.fullmatch(rf"{_PREFIX}:([^:]+):(\d+):[^:]+:.+", alias)
    if match is None or match[1] != socket.gethostname():
        return False
    try:
        os.kill(int(match[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


async def _delete(client: httpx.AsyncClient, aliases: list[str], say: Callable[[str], None]) -> None:
    if not aliases:
        return
    try:
        await _call(client, "POST", "/key/delete", json={"key_aliases": aliases})
    except HarnessError as error:
        expire = f"could not be deleted; what is left expires in {LASTS}"
        say(f"warning: {plural(len(aliases), 'key')} of tenants {expire}: {error.problem}")


async def _call(client: httpx.AsyncClient, method: str, path: str, **options: Any) -> dict[str, Any]:
    """Return the gateway's answer.

    Raises:
        HarnessError: It is none, or no success.
    """
    try:
        answer = await client.request(method, path, **options)
        if is_success(answer.status_code):
            found = answer.json()
            if isinstance(found, dict):
                return found
    except (httpx.HTTPError, ValueError) as error:
        raise HarnessError(f"{path} does not answer: {type(error).__name__}", where="chain") from None
    hint = "is the database set up and reachable, and is the salt key the one that it was set up with?"
    raise HarnessError(f"{path} answers {answer.status_code}: {answer.text[:200]}", where="chain", hint=hint)
