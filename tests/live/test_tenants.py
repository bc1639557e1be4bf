"""Tenants' keys are made before a run and deleted after it, whatever happens; leftovers of killed runs go."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from harness.chain.keys import GatewayKeys, Tenant
from harness.errors import HarnessError
from harness.history.records import SpendRecord
from harness.live import tenants as module
from harness.live.tenants import tenants
from harness.messages import LoadTarget
from tests import plans

CHAIN = plans.chain(
    "openai",
    driver="litellm-proxy",
    keys=GatewayKeys(database="env/DATABASE_URL", tenants={"gold": Tenant(budget=0.05), "free": Tenant()}),
)


class FakeGateway:
    """Keeps keys by their names, as LiteLLM's proxy does."""

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.made: list[dict[str, Any]] = []
        self.broken: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        """Make, list, show or delete keys."""
        if request.path in self.broken:
            return web.json_response({"error": "no database"}, status=500)
        assert request.headers["authorization"] == "Bearer sk-master"
        if request.path == "/key/generate":
            asked = await request.json()
            self.made.append(asked)
            self.keys[asked["key_alias"]] = {"key": f"sk-{len(self.made)}", "spend": 0.25 * len(self.made)}
            return web.json_response(self.keys[asked["key_alias"]])
        if request.path == "/key/list":
            return web.json_response({"keys": [{"key_alias": alias} for alias in [*self.keys, None]]})
        if request.path == "/key/delete":
            for alias in (await request.json())["key_aliases"]:
                del self.keys[alias]
            return web.json_response({})
        found = next(key for key in self.keys.values() if key["key"] == request.query["key"])
        return web.json_response({"info": found})


@asynccontextmanager
async def serving(gateway: FakeGateway) -> AsyncIterator[LoadTarget]:
    """Serve it, and return what callers call."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", gateway.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield LoadTarget(
            base_url=f"http://127.0.0.1:{port}/v1",
            model="openai",
            headers={"authorization": "Bearer sk-master"},
            addressable={},
        )
    finally:
        await runner.cleanup()


def live(gateway: FakeGateway, said: list[str], *, error: type[BaseException] | None = None) -> LoadTarget:
    """Have a run between; return what its callers call."""

    async def story() -> LoadTarget:
        async with (
            serving(gateway) as target,
            tenants(target, CHAIN, run="token", say=said.append) as made,
        ):
            assert len(gateway.keys) == 2
            if error is not None:
                raise error
            return made.target

    return asyncio.run(story())


def test_each_tenant_has_a_key_with_its_budget_as_long_as_the_run_lasts() -> None:
    """They expire by themselves too."""
    gateway, said = FakeGateway(), list[str]()
    target = live(gateway, said)

    assert target.tenants == {"gold": "sk-1", "free": "sk-2"}
    assert [(each["max_budget"], each["duration"]) for each in gateway.made] == [(0.05, "6h"), (None, "6h")]
    assert gateway.keys == {}
    assert said == []


@pytest.mark.parametrize("error", [KeyError, asyncio.CancelledError])
def test_they_are_deleted_also_where_the_run_fails_or_is_interrupted(error: type[BaseException]) -> None:
    """Nobody else would."""
    gateway = FakeGateway()
    with pytest.raises(error):
        live(gateway, [], error=error)

    assert gateway.keys == {}


def test_keys_of_a_killed_run_are_deleted_by_the_next_one() -> None:
    """Those of a run that goes on, of another machine and of other people stay."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = socket.gethostname()
    stay = {f"harness:{here}:{os.getppid()}:other:gold", f"harness:elsewhere:{gone.pid}:other:gold", "somebody's"}
    gateway, said = FakeGateway(), list[str]()
    gateway.keys = {alias: {} for alias in (*stay, f"harness:{here}:{gone.pid}:other:gold")}

    async def story() -> None:
        async with serving(gateway) as target, tenants(target, CHAIN, run="token", say=said.append):
            pass

    asyncio.run(story())
    assert set(gateway.keys) == stay
    assert said == ["deleted 1 key of runs that had been killed"]


def test_a_gateway_that_makes_no_keys_ends_the_run() -> None:
    """With its own words, and what may be wrong."""
    gateway = FakeGateway()
    gateway.broken = {"/key/generate"}
    with pytest.raises(HarnessError, match=r"/key/generate answers 500: .*no database") as caught:
        live(gateway, [])
    assert "salt key" in (caught.value.hint or "")


def test_keys_that_cannot_be_deleted_are_named() -> None:
    """The run's own error, if there is one, is not replaced."""
    gateway, said = FakeGateway(), list[str]()
    gateway.broken = {"/key/delete"}
    live(gateway, said)

    assert said[0].startswith("warning: 2 keys of tenants could not be deleted; what is left expires in 6h")


def test_a_chain_without_tenants_makes_no_calls() -> None:
    """Nothing listens at its address here."""

    async def story() -> LoadTarget:
        target = LoadTarget(base_url="http://127.0.0.1:1/v1", model="m", addressable={})
        async with tenants(target, plans.chain("openai"), run="token", say=print) as made:
            await made.spend(print)
            return made.target

    assert asyncio.run(story()).tenants == {}


def test_what_each_has_spent_is_recorded() -> None:
    """As the gateway says, or why it says nothing."""
    gateway, rows = FakeGateway(), list[SpendRecord]()

    async def story() -> None:
        async with (
            serving(gateway) as target,
            tenants(target, CHAIN, run="token", say=print) as made,
        ):
            made.flush_s = 0
            await made.spend(rows.append)
            gateway.broken = {"/key/info"}
            await made.spend(rows.append)

    asyncio.run(story())
    assert [(row.tenant, row.spend_usd) for row in rows] == [
        ("gold", 0.25),
        ("free", 0.5),
        ("gold", None),
        ("free", None),
    ]
    assert "/key/info answers 500" in (rows[2].error or "")


@pytest.mark.parametrize(("written", "flush_s"), [(None, module.FLUSH_S), (2, 16.0), (3600, module.FLUSH_S_MAX)])
def test_it_waits_as_long_as_the_gateway_may_keep_spend_to_itself(written: int | None, flush_s: float) -> None:
    """By the configuration, and no longer than is sensible."""
    general = {} if written is None else {"proxy_batch_write_at": written}
    chain = plans.chain("openai", driver="litellm-proxy", litellm={"general_settings": general})

    assert module.flush_s(chain) == flush_s
