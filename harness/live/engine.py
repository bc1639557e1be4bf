"""The live engine: one run on real parts, from the first process to the last record."""

from __future__ import annotations

import asyncio
import secrets
import string
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from harness.chain import Chain
from harness.drivers import Host, host
from harness.errors import HarnessError
from harness.live.nemesis import Nemesis
from harness.live.processes import Child
from harness.live.toxiproxy import Binary, Toxiproxy
from harness.part import watch_loop
from harness.scenario import Plan
from harness.store import Capture, Origin, RunFolder

LEAD_NS = 300_000_000
"""From the moment everyone is ready to the origin: long enough for the origin to reach every part."""
LATE_S = 3.0
"""How long to wait for attempts that begin after the last request has ended."""
SLACK_S = 30.0
"""How long past the last deadline the load may take to say that it is done."""


class Progress(Protocol):
    """Where the engine says how far it is."""

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work, which takes `total_s` seconds if that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A run that came to its planned end.

    Attributes:
        warnings: What the chain's host could not express, and the like.
        load: What the load says it did.
        pids: Process ids by part, for the log.
    """

    warnings: tuple[str, ...]
    load: Mapping[str, Any]


async def run(plan: Plan, chain: Chain, folder: RunFolder, toxiproxy: Binary, progress: Progress) -> Ran:
    """Carry a plan out on real parts; every row lies in the folder's capture when this returns or raises.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        folder: Where rows and logs go.
        toxiproxy: The program to run.
        progress: Told about each phase.

    Raises:
        HarnessError: A part was not ready in time, died, or could not do its work. Its name is in the message.
    """
    with Capture(folder.capture, "runner") as capture:
        health = asyncio.create_task(watch_loop(capture, "runner"))
        try:
            return await _Run(plan, chain, folder, toxiproxy, progress, capture).run()
        finally:
            health.cancel()
            await asyncio.wait([health])


class _Run:
    """The parts of one run, and what ties them together."""

    def __init__(
        self, plan: Plan, chain: Chain, folder: RunFolder, toxiproxy: Binary, progress: Progress, capture: Capture
    ) -> None:
        self.plan = plan
        self.chain = chain
        self.folder = folder
        self.toxiproxy = toxiproxy
        self.progress = progress
        self.capture = capture
        self.host: Host = host(chain)
        self.token = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        self.deaths: set[asyncio.Task[HarnessError]] = set()

    async def run(self) -> Ran:
        self.progress.phase("start")
        async with AsyncExitStack() as parts:
            parts.push_async_callback(self._forget)
            return await self._guarded(self._story(parts))

    async def _story(self, parts: AsyncExitStack) -> Ran:
        proxy = await parts.enter_async_context(Toxiproxy.start(self.toxiproxy, log=self.folder.logs / "toxiproxy.log"))
        self._watch(proxy.child)
        edge = await self._part(parts, "edge", "harness.edge", self._edge_message())
        ports: dict[str, int] = (await edge.ready())["ports"]
        base_urls = {
            name: "http://"
            + await proxy.add(name, upstream=f"127.0.0.1:{port}", listen=self.chain.providers[name].listen or "127.0.0.1:0")
            for name, port in ports.items()
        }
        hosted = await parts.enter_async_context(self._hosted(base_urls))
        self.progress.phase("warm-up")
        load = await self._part(parts, "load", "harness.live.locustfile", self._load_message(hosted))
        self._check_warmup((await load.ready())["warmup"])

        origin_ns = time.monotonic_ns() + LEAD_NS
        self.capture.put(Origin(at_ns=origin_ns))
        await edge.send({"origin_ns": origin_ns})
        await load.send({"origin_ns": origin_ns})
        async with Nemesis(self.plan.timeline, proxy, self.capture.put, origin_ns=origin_ns):
            await self._phases(origin_ns)
            self.progress.phase("drain")
            patience_s = self.plan.load.deadline / 1e9 + SLACK_S
            try:
                done = await asyncio.wait_for(load.receive(), patience_s)
            except TimeoutError:
                raise HarnessError("did not end its requests in time", where="load") from None
            await asyncio.sleep(LATE_S)
        self.progress.phase("stop")
        return Ran(warnings=tuple(hosted.get("warnings", ())), load=done.get("done", {}))

    async def _part(self, parts: AsyncExitStack, name: str, module: str, message: Mapping[str, Any]) -> Child:
        argv = [sys.executable, "-m", module]
        child = Child(name, argv, log=self.folder.logs / f"{name}.log", message=message, env=self.host.env)
        await parts.enter_async_context(child)
        self._watch(child)
        return child

    def _watch(self, child: Child) -> None:
        self.deaths.add(asyncio.create_task(child.died(), name=child.name))

    async def _forget(self) -> None:
        for task in self.deaths:
            task.cancel()

    async def _guarded(self, story: Any) -> Ran:
        """Return the story's end, or raise as soon as any part dies."""
        telling = asyncio.create_task(story)
        try:
            while not telling.done():
                await asyncio.wait({telling, *self.deaths}, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
                for death in self.deaths:
                    if death.done():
                        raise death.result()
        finally:
            telling.cancel()
            await asyncio.wait([telling])
        return telling.result()

    async def _phases(self, origin_ns: int) -> None:
        for phase in self.plan.phases:
            await _sleep_until(origin_ns + phase.start_ns)
            self.progress.phase(phase.name, (phase.end_ns - phase.start_ns) / 1e9)
        await _sleep_until(origin_ns + self.plan.end_ns)
