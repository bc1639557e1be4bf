"""The live engine: one run on real parts, from the first process to the last record."""

from __future__ import annotations

import asyncio
import os
import string
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from secrets import choice
from typing import Any, TypeVar

from harness.chain import Chain
from harness.chain.keys import gateway_secrets
from harness.chain.redact import secrets
from harness.chain.upstream import keys
from harness.drivers.carried import check_carried
from harness.drivers.host import host
from harness.drivers.ready import watch_ready
from harness.engines import BudgetReached, Gate, Progress
from harness.errors import HarnessError
from harness.live.aborting import aborted
from harness.live.chain_process import ChainProcess
from harness.live.environment import child_environment
from harness.live.load_start import load_start
from harness.live.nemesis import Nemesis
from harness.live.ports import Ports
from harness.live.processes import Fork, OwnedProcess
from harness.live.tenants import tenants
from harness.live.toxiproxy import Binary, Toxiproxy
from harness.live.worker_messages import WorkerSummary
from harness.live.workers import ALONE, LOAD_PART, LoadSetup, collected, gather, reachable
from harness.messages import (
    Begin,
    BudgetSpent,
    EdgeReady,
    EdgeStart,
    LoadDone,
    LoadReady,
    LoadTarget,
    WarmupResult,
)
from harness.part import watch_loop
from harness.scenario import Plan
from harness.store import Capture, Origin, RunFolder
from harness.waiting import sleep_until, to_the_end

T = TypeVar("T")

LEAD_NS = 300_000_000
"""From the moment everyone is ready to the origin: long enough for the origin to reach every part."""
LATE_S = 3.0
"""How long to wait for attempts that begin after the last request has ended."""
SLACK_S = 10.0
"""How long past the last deadline the load may take to report that it is done."""
CUT_SHORT_S = 2.5
"""How long a part of a run that was cut short may take to write what it has and end by itself."""
TOKEN_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """A run that came to its planned end.

    Attributes:
        warnings: What the chain's host could not carry over, and the like.
        load: The load's report, in counts; None where the scenario had the run aborted.
        workers: Those that shared the load; none where one process did it all.
    """

    warnings: tuple[str, ...]
    load: LoadDone | None
    workers: tuple[WorkerSummary, ...] = ()


async def run(
    plan: Plan,
    chain: Chain,
    folder: RunFolder,
    toxiproxy: Binary,
    progress: Progress,
    *,
    gate: Gate | None = None,
    forks: Mapping[str, Fork] | None = None,
    brief: bool = False,
    setup: LoadSetup = ALONE,
) -> LiveResult:
    """Carry a plan out on real parts. Every row lies in the folder's capture when this returns or raises.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        folder: Where rows and logs go.
        toxiproxy: The program to run.
        progress: Told about each phase.
        gate: Where to wait for other runs once this one is ready; None begins at once.
        forks: Makes parts that have done their imports, by the module they run; the others are started.
        brief: End once the last request has ended, even before the plan's end.
        setup: In which processes the load runs.

    Raises:
        HarnessError: A part was not ready in time, died, or could not do its work; it is named.
        BudgetReached: The real providers have been asked for as much as they may.
    """
    with Capture(folder.capture, "runner") as capture:
        async with _task(watch_loop(capture, "runner")):
            own = _LiveRun(
                plan,
                chain,
                folder=folder,
                toxiproxy=toxiproxy,
                progress=progress,
                capture=capture,
                gate=gate,
                forks=forks,
                brief=brief,
                setup=setup,
            )
            return await own.run()


@asynccontextmanager
async def _task(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Run something beside; leaving ends it."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # raised where the result is awaited; asyncio would print it once more


class _LiveRun:
    """The parts of one run, and what ties them together."""

    def __init__(
        self,
        plan: Plan,
        chain: Chain,
        *,
        folder: RunFolder,
        toxiproxy: Binary,
        progress: Progress,
        capture: Capture,
        gate: Gate | None,
        forks: Mapping[str, Fork] | None,
        brief: bool,
        setup: LoadSetup,
    ) -> None:
        self.plan = plan
        self.chain = chain
        self.folder = folder
        self.toxiproxy = toxiproxy
        self.progress = progress
        self.capture = capture
        self.gate = gate
        self.forks = forks or {}
        self.brief = brief
        self.setup = setup
        self.secrets = secrets(chain, os.environ)
        self.token = "".join(choice(string.ascii_lowercase + string.digits) for _ in range(TOKEN_CHARS))
        self.deaths: list[asyncio.Task[HarnessError]] = []
        self.children: list[OwnedProcess | ChainProcess] = []

    async def run(self) -> LiveResult:
        """Carry the plan out, and end everything as soon as a part dies."""
        async with AsyncExitStack() as parts, _task(self._carry_out(parts)) as work:
            try:
                result = await self._result(work)
                if result.load is None:
                    await self._end_at_once()
                return result
            except BaseException:
                await to_the_end(self._cut_short(work))
                raise

    async def _result(self, work: asyncio.Task[LiveResult]) -> LiveResult:
        while not work.done():
            # Deaths are added as parts start, hence the timeout.
            await asyncio.wait([work, *self.deaths], timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            for death in self.deaths:
                if death.done():
                    raise death.result()
        return work.result()

    async def _cut_short(self, work: asyncio.Task[LiveResult]) -> None:
        """End every part at once: one that is still at its imports reads nothing for seconds, and the user waits."""
        work.cancel()
        await asyncio.wait([work])
        await self._end_at_once()

    async def _end_at_once(self) -> None:
        ends = [child.end(grace_s=CUT_SHORT_S) for child in self.children]
        await asyncio.gather(*ends, return_exceptions=True)

    async def _carry_out(self, parts: AsyncExitStack) -> LiveResult:
        self.progress.phase("start")
        # All start at once: each is busy with its imports for seconds, and then waits for its start message. They end in the
        # opposite order, so that none calls another that has ended.
        timeline = self.plan.timeline
        edge = await self._part(parts, "edge", _python("harness.edge"), env=child_environment())
        proxy = await self._proxy(parts)
        chain = await self._chain(parts)
        load = await self._part(parts, "load", LOAD_PART, env=child_environment())
        workers = {name: await self._part(parts, name, LOAD_PART, env=child_environment()) for name in self.setup.names}
        base_urls = await self._listen(proxy, (await edge.ready(self._edge_message(), EdgeReady)).ports)
        await self._watch(parts, self._budget(edge))
        ports = Ports(proxy, chain)
        database = await ports.before_database(gateway_secrets(self.chain, os.environ), timeline)
        target = await chain.ready(base_urls, database=database)
        check_carried(target.lacking, (part.kind for part in self.plan.parts))
        warnings = self._warn(*_blunt(self.plan), *target.warnings)
        if self.setup.spread:
            self.progress.phase("workers")
            await gather(self.setup, load, workers, capture=self.folder.capture, say=self.progress.say)
        async with tenants(target, self.chain, run=self.token, say=self.progress.say) as made:
            warmed = await self._warm_up(load, proxy, await ports.in_front(made.target, timeline))
            warnings += self._warn(*_warmup_warnings(warmed.warmup))
            if self.gate is not None:
                self.progress.phase("gate")
                await self.gate()
            done = await self._measure(edge, ports, load, target)
            self.progress.phase("stop")
            if done is not None:
                await made.spend(self.capture.put)
        if proxy.restarts:
            raise HarnessError(
                "hung and was replaced: every open connection broke, which no fault did", where="toxiproxy"
            )
        workers_done = () if done is None else await collected(self.setup, load)
        return LiveResult(warnings=warnings, load=done, workers=workers_done)

    async def _warm_up(self, load: OwnedProcess, proxy: Toxiproxy, target: LoadTarget) -> LoadReady:
        self.progress.phase("warm-up")
        start = load_start(
            self.plan,
            target,
            token=self.token,
            environ=os.environ,
            secrets=self.secrets,
            capture=self.folder.capture,
            web_ui=self.setup.web_ui,
        )
        warmed = await load.ready(await reachable(self.setup, start, proxy), LoadReady)
        if warmed.web_ui is not None:
            self.progress.say(f"Locust's web UI: {warmed.web_ui}")
        return warmed

    async def _measure(
        self, edge: OwnedProcess, ports: Ports, load: OwnedProcess, target: LoadTarget
    ) -> LoadDone | None:
        """Let the run's clock begin, and return when everything that it times is over, or when it is to be aborted."""
        origin_ns = time.monotonic_ns() + LEAD_NS
        self.capture.put(Origin(at_ns=origin_ns, unix_ns=time.time_ns() + LEAD_NS))
        await edge.send(Begin(origin_ns=origin_ns))
        await load.send(Begin(origin_ns=origin_ns))
        async with (
            Nemesis(self.plan.timeline, ports, origin_ns=origin_ns, put=self.capture.put) as nemesis,
            _task(self._ask_ready(target, origin_ns)) as asked,
            _task(self._as_planned(load, asked, origin_ns)) as planned,
            _task(aborted(self.plan, self.capture, origin_ns=origin_ns)) as abort,
        ):
            await asyncio.wait([planned, abort], return_when=asyncio.FIRST_COMPLETED)
            if planned.done():
                return planned.result()
            self.progress.say(f"aborted: {abort.result()}")
            nemesis.cut_short()
        return None

    async def _as_planned(self, load: OwnedProcess, asked: asyncio.Task[None], origin_ns: int) -> LoadDone:
        if not self.brief:
            await self._phases(origin_ns)
        done = await self._drain(load, origin_ns)
        if not self.brief:
            await asked
        return done

    async def _ask_ready(self, target: LoadTarget, origin_ns: int) -> None:
        """Ask the chain each second whether it is ready, where it has an address for that."""
        if target.ready is not None:
            end_ns = origin_ns + self.plan.end_ns
            await watch_ready(target.ready, target.headers, self.capture.put, origin_ns=origin_ns, end_ns=end_ns)

    def _warn(self, *warnings: str) -> tuple[str, ...]:
        for warning in warnings:
            self.progress.say(f"warning: {warning}")
        return warnings

    async def _proxy(self, parts: AsyncExitStack) -> Toxiproxy:
        self.toxiproxy.verify()
        log = self.folder.logs / "toxiproxy.log"
        proxy = await parts.enter_async_context(Toxiproxy.start(self.toxiproxy.path, log=log))
        await self._watch(parts, proxy.died())
        await parts.enter_async_context(_task(proxy.watch(self.capture.put)))
        return proxy

    async def _watch(self, parts: AsyncExitStack, death: Coroutine[Any, Any, HarnessError]) -> None:
        self.deaths.append(await parts.enter_async_context(_task(death)))

    async def _budget(self, edge: OwnedProcess) -> HarnessError:
        """Complete when the edge reports that it calls no real provider any more."""
        spent = await edge.receive(BudgetSpent)
        hint = "raise it in the chain file, or make the run shorter"
        return BudgetReached(spent.why, where="edge", hint=hint)

    async def _part(
        self, parts: AsyncExitStack, name: str, argv: Sequence[str], *, env: Mapping[str, str]
    ) -> OwnedProcess:
        child = self._child(name, argv, env=env, ours=True)
        await parts.enter_async_context(child)
        self.children.append(child)
        await self._watch(parts, child.died())
        return child

    def _child(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], ours: bool) -> OwnedProcess:
        fork = self.forks.get(argv[-1]) if ours and list(argv) == _python(argv[-1]) else None
        log = self.folder.logs / f"{name}.log"
        return OwnedProcess(name, argv, log=log, env=env, part=ours, fork=fork, notice=self._warn)

    async def _chain(self, parts: AsyncExitStack) -> ChainProcess:
        chain = ChainProcess(
            host(self.chain),
            self._child,
            capture=self.folder.capture,
            seed=self.plan.seed,
            restarts=bool(self.plan.timeline.ending),
            put=self.capture.put,
        )
        await parts.enter_async_context(chain)
        self.children.append(chain)
        await self._watch(parts, chain.died())
        return chain

    async def _listen(self, proxy: Toxiproxy, ports: Mapping[str, int]) -> dict[str, str]:
        """Put Toxiproxy in front of every port of the edge; return the addresses that the chain calls."""
        base_urls = {}
        for name, port in ports.items():
            listen = self.chain.providers[name].listen or "127.0.0.1:0"
            resets = self.plan.timeline.resets(name)
            address = await proxy.add(name, upstream=f"127.0.0.1:{port}", listen=listen, resets=resets)
            base_urls[name] = f"http://{address}"
        return base_urls

    async def _phases(self, origin_ns: int) -> None:
        for phase in self.plan.phases:
            await sleep_until(origin_ns + phase.start_ns)
            self.progress.phase(phase.name, (phase.end_ns - phase.start_ns) / 1e9)
        await sleep_until(origin_ns + self.plan.end_ns)

    async def _drain(self, load: OwnedProcess, origin_ns: int) -> LoadDone:
        """Wait for what is in flight, and for attempts that come late; return the load's report."""
        self.progress.phase("requests" if self.brief else "drain")
        left_ns = max(0, origin_ns + self.plan.end_ns - time.monotonic_ns())
        try:
            done = await asyncio.wait_for(load.receive(LoadDone), (left_ns + self.plan.load.deadline) / 1e9 + SLACK_S)
        except TimeoutError:
            raise HarnessError("did not end its requests by their deadline", where="load") from None
        await asyncio.sleep(LATE_S)
        return done

    def _edge_message(self) -> EdgeStart:
        return EdgeStart(
            providers=dict(self.chain.providers),
            token=self.token,
            seed=self.plan.seed,
            windows=self.plan.timeline.windows,
            callers=self.plan.callers,
            keys=keys(self.chain, os.environ),
            max_requests=self.chain.max_requests,
            max_usd=self.chain.max_cost,
            secrets=self.secrets,
            capture=str(self.folder.capture),
        )


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _blunt(plan: Plan) -> tuple[str, ...]:
    """Return what the run cannot do to the letter: a Toxiproxy that passes an RST on makes one of every close."""
    timeline = plan.timeline
    return tuple(
        f"faults both reset and close connections of {name}: in this run its closes arrive as resets too"
        for name in plan.chain.providers
        if timeline.resets(name) and timeline.closes(name)
    )


def _warmup_warnings(warmup: Sequence[WarmupResult]) -> tuple[str, ...]:
    return tuple(
        f"the warm-up call for model {call.model!r} failed: {call.error or call.status}"
        for call in warmup
        if not call.ok
    )
