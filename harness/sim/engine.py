"""The sim engine: one run in virtual time, from the first arrival to the rows that its parts write.

All of it may run in the chain's own interpreter, so nothing here needs more than the standard library, msgspec and
time-machine; `harness.sim.runs` makes a history of the rows, at home.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import warnings
import weakref
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from harness.caller.prompt import RequestWriter
from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.redact import secrets
from harness.drivers.carried import check_carried
from harness.drivers.environment import HostEnvironment
from harness.drivers.in_process import enter, quick
from harness.drivers.in_process import prepare as import_chain
from harness.edge.provider_port import ProviderPort
from harness.history.records import Aborted, ChainAttempt, FaultEvent, ProviderState, RequestRecord
from harness.messages import RunRows
from harness.provider import decide
from harness.scenario import Plan, Window
from harness.scenario.abort import Abort, AbortWatch
from harness.sim import clock as virtual
from harness.sim.caller import Callers
from harness.sim.clock import Clock
from harness.sim.listener import Listener
from harness.sim.network import Network
from harness.sim.own_faults import GuardedRecorder
from harness.sim.real import UnrealError, copies, importing
from harness.sim.sockets import base_urls, connected
from harness.sim.wire import SimWire
from harness.store import EdgeAttempt, Row

TOKEN = "00000sim"  # noqa: S105 - tells runs apart, protects nothing
LATE_S = 3.0
"""How long attempts may begin after the last request has ended, as in a live run."""


ABORTED_S = 0.1
"""How long the parts of an aborted run may take to end their exchanges."""
SLACK_NS = 3600 * 10**9
"""How long after the last caller's deadline a run must have come to its end."""


@dataclass(slots=True)
class Rows:
    """What the parts of a run write, in the order of the clock."""

    edge: list[EdgeAttempt] = field(default_factory=list)
    chain: list[ChainAttempt] = field(default_factory=list)
    states: list[ProviderState] = field(default_factory=list)

    def put(self, row: Row) -> None:
        """Keep a row of the edge or of the chain."""
        if isinstance(row, EdgeAttempt):
            self.edge.append(row)
        elif isinstance(row, ChainAttempt):
            self.chain.append(row)
        else:
            assert isinstance(row, ProviderState)
            self.states.append(row)


def prepare(chain: Chain) -> None:
    """Do what a process does only once for all runs of a chain; it may take seconds.

    Raises:
        UsageError: Only a live run can host it.
    """
    import_chain(chain)
    copies()


def import_libraries(chain: Chain) -> None:
    """Import the libraries of a chain whose driver has `imports`, as a run would.

    Raises:
        BaseException: Whatever a library raises, or it keeps something of this process that runs do not share.
    """
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []
    imports = driver_of(chain).imports
    assert imports is not None

    async def story(_clock: Clock) -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        with importing():
            imports(chain, base_urls(chain.providers))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        virtual.run(story)
    if loops[0]() is not None:
        raise UnrealError("a library keeps the event loop in which it was imported", where="sim")
    copies()


def run(plan: Plan, chain: Chain, *, optimised: bool = True, chain_seed: int | None = None) -> RunRows:
    """Carry a plan out in virtual time, in this process. The same plan gives the same rows, to the last nanosecond.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        optimised: Leave out the chain's own work that no history shows.
        chain_seed: Fixes the random draws of the chain; if None, the plan's seed does.

    Raises:
        UsageError: Only a live run can do this.
        UnrealError: Something real was tried, nothing could ever happen again, or there is no end.
    """
    prepare(chain)
    rows = Rows()
    seed = plan.seed if chain_seed is None else chain_seed
    with _seeded(seed), quick(chain) if optimised else nullcontext():
        requests, warnings, aborted = virtual.run(
            lambda clock: _story(plan, chain, seed, clock, rows), limit_ns=plan.end_ns + plan.load.deadline + SLACK_NS
        )
    until_ns = math.inf if aborted is None else aborted.at_ns
    return RunRows(
        requests=requests,
        edge=rows.edge,
        chain=rows.chain,
        states=rows.states,
        faults=[_until(_event(plan, window), until_ns) for window in plan.timeline.windows],
        warnings=warnings,
        aborted=aborted,
    )


async def _story(
    plan: Plan, chain: Chain, chain_seed: int, clock: Clock, rows: Rows
) -> tuple[list[RequestRecord], tuple[str, ...], Aborted | None]:
    network = Network(_faces(plan, chain, rows), plan.timeline, clock, seed=plan.seed)
    environment = HostEnvironment(
        clock_ns=lambda: clock.now_ns, wire=SimWire(network), seed=chain_seed, importing=importing
    )
    addresses = base_urls(chain.providers)
    recorder = GuardedRecorder(chain.providers, addresses, rows.put, clock_ns=environment.clock_ns)
    async with AsyncExitStack() as stack:
        stack.enter_context(connected(network, addresses))
        inside = await stack.enter_async_context(enter(chain, addresses, recorder, environment))
        check_carried(inside.lacking, (part.kind for part in plan.parts))
        callers = Callers(
            inside.ask,
            inside.explain,
            plan=plan,
            requests=RequestWriter(TOKEN, plan.parts, inside.model, prompts=plan.prompts, extras=plan.extras),
            clock=clock,
            secrets=secrets(chain, os.environ) if plan.load.keep_text else frozenset(),
            ended=(abortion := _Abortion(plan.abort, clock)).add,
        )
        async with asyncio.TaskGroup() as group:
            calls = [
                group.create_task(callers.converse(arrival), name=arrival.request_id)
                for arrival in plan.arrivals
                if arrival.after is None
            ]
            abortion.calls = calls
        rest_s = ABORTED_S if abortion.aborted else max(LATE_S, (plan.end_ns - clock.now_ns) / 1e9)
        await asyncio.sleep(rest_s)
    recorder.close()
    network.close()
    return abortion.records or [record for call in calls for record in call.result()], inside.warnings, abortion.aborted


class _Abortion:
    """Ends all calls of a run as soon as its scenario wants it to end.

    Attributes:
        calls: All of them.
        aborted: When and why they were ended; None if they were not.
    """

    def __init__(self, abort: Abort | None, clock: Clock) -> None:
        self.calls: list[asyncio.Task[list[RequestRecord]]] = []
        self.aborted: Aborted | None = None
        self._clock = clock
        self._watch = None if abort is None else AbortWatch(abort)
        self._ended: list[RequestRecord] = []

    @property
    def records(self) -> list[RequestRecord]:
        """Of an aborted run the requests that had ended, by name; of another run none."""
        return sorted(self._ended, key=lambda record: record.request_id) if self.aborted else []

    def add(self, record: RequestRecord) -> None:
        """Take the record of a request that has ended."""
        if self._watch is None or self.aborted is not None:
            return
        self._ended.append(record)
        found = self._watch.add(record)
        if found is not None:
            self.aborted = Aborted(at_ns=self._clock.now_ns, found=found)
            for call in self.calls:
                call.cancel()


def _until(event: FaultEvent, at_ns: float) -> FaultEvent:
    """Return what became of a fault in a run that ended at a time."""
    if event.applied_ns is None or event.applied_ns >= at_ns:
        return replace(event, applied_ns=None, reverted_ns=None)
    return replace(event, reverted_ns=int(at_ns)) if (event.reverted_ns or 0) > at_ns else event


def _faces(plan: Plan, chain: Chain, rows: Rows) -> dict[str, ProviderPort]:
    faces, callers = {}, plan.callers
    for name, provider in chain.providers.items():
        faults = decide.begin(name, seed=plan.seed, windows=plan.timeline.windows, callers=callers)
        faces[name] = ProviderPort(name, provider, token=TOKEN, faults=faults, capture=rows)
        faces[name].origin_ns = 0
    return faces


def _event(plan: Plan, window: Window) -> FaultEvent:
    acting: tuple[int | None, int | None] = window.start_ns, window.end_ns
    if window.on_port:
        acting = Listener.of(plan.timeline, window.provider).acts(window)
    return FaultEvent(
        fault_id=window.fault_id,
        provider=window.provider,
        kind=window.inject.kind,
        leg=window.leg,
        applied_ns=acting[0],
        reverted_ns=acting[1],
    )


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Fix what a chain's libraries leave to chance, or to who runs them: a warning must be an error nowhere."""
    state = random.getstate()
    random.seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)
