"""Make the providers' ports, the gateway and its database fail at the planned times, repair them whatever happens, and record what was done when."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Protocol, Self

from harness.errors import HarnessError
from harness.history.records import FaultEvent
from harness.provider.listener import OPEN, ListenerState, changes_ns, in_force
from harness.scenario import Timeline, Window
from harness.waiting import sleep_until, to_the_end


class PortSetter(Protocol):
    """What the nemesis acts on."""

    async def set(self, window: Window, state: ListenerState) -> int | None:
        """Make the port on which a window acts behave like this; return how often that is known to have hit something there."""


@dataclass(slots=True, eq=False)
class _WindowState:
    """What became of one window; times on the monotonic clock."""

    window: Window
    applied_ns: int | None = None
    reverted_ns: int | None = None
    hits: int | None = None
    error: str | None = None

    @property
    def place(self) -> tuple[str, str]:
        """The port on which it acts."""
        return self.window.leg, self.window.provider


class Nemesis:
    """Applies the windows that act on a port, from entering until leaving: a provider's, the gateway's or its database's.

    Leaving heals every port and puts one `FaultEvent` per window, those that the edge decides included. At every
    planned time the nemesis computes how each port must behave (`in_force`), and sets it where that has
    changed. So overlaps need no bookkeeping. No port waits for another one: a gateway may take long to start.

    A window acts from `applied_ns`, just before Toxiproxy is asked for it, to `reverted_ns`, just after Toxiproxy has
    confirmed its end: no attempt outside is touched. One that cannot be applied or reverted does not stop the run; its
    event carries the error.

    Args:
        timeline: All windows.
        ports: What it acts on.
        origin_ns: The run's origin, absolute on the monotonic clock, as all times in the events.
        put: Takes each event.
        clock_ns: The monotonic clock, the same as the event loop's.
    """

    def __init__(
        self,
        timeline: Timeline,
        ports: PortSetter,
        *,
        origin_ns: int,
        put: Callable[[FaultEvent], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._ports = ports
        self._origin_ns = origin_ns
        self._put = put
        self._clock_ns = clock_ns
        self._states = [_WindowState(window) for window in timeline.windows]
        self._groups: defaultdict[tuple[str, str], list[_WindowState]] = defaultdict(list)
        for state in self._states:
            if state.window.on_port:
                self._groups[state.place].append(state)
        self._in_force: dict[tuple[str, str], ListenerState] = dict.fromkeys(self._groups, OPEN)
        self._tasks: list[asyncio.Task[None]] = []
        self._cut_short = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._run(states)) for states in self._groups.values()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended_ns = self._clock_ns()
        try:
            await to_the_end(self._heal(cut_short=self._cut_short or kind is not None))
        finally:
            for state in self._states:
                self._put(self._event(state, ended_ns))

    def cut_short(self) -> None:
        """Let leaving start no gateway that a fault has ended: the run ends here."""
        self._cut_short = True

    async def _run(self, states: list[_WindowState]) -> None:
        for at_ns in changes_ns([state.window for state in states]):
            if at_ns > 0:  # what begins with the run is in force before its first request
                await sleep_until(self._origin_ns + at_ns, self._clock_ns)
            target, windows = in_force([state.window for state in states], at_ns)
            acting = {window.fault_id for window in windows}
            await self._reach(states, target, [s for s in states if s.window.fault_id in acting])

    async def _heal(self, *, cut_short: bool) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for place, states in self._groups.items():
            known = self._in_force.get(place, OPEN)
            # Of a run that is cut short nobody needs the gateway any more.
            await self._reach(states, replace(OPEN, process=known.process) if cut_short else OPEN, [])
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    async def _reach(self, states: list[_WindowState], target: ListenerState, acting: list[_WindowState]) -> None:
        """Bring one port into the state in which the given windows are in force."""
        began = [state for state in acting if state.applied_ns is None]
        ended = [
            state
            for state in states
            if state.applied_ns is not None and state.reverted_ns is None and state not in acting
        ]
        now_ns = self._clock_ns()
        for state in began:
            state.applied_ns = max(now_ns, self._origin_ns + state.window.start_ns)
        for state in acting:
            if not state.window.inject.fault_kind.of_process:
                state.reverted_ns = None  # it may have been in the shadow of another
        try:
            hits = await self._set(states[0], target)
        except HarnessError as error:
            for state in began:
                state.applied_ns = None
            for state in began + ended:
                state.error = str(error)
        else:
            for state in began + ended:
                state.hits = max((each for each in (state.hits, hits) if each is not None), default=None)
            # A restart is over as soon as the process is ready.
            over = [state for state in began if state.window.port_state.get("process") == "restarted"]
            for state in ended + over:
                state.reverted_ns = self._clock_ns()

    async def _set(self, one: _WindowState, target: ListenerState) -> int | None:
        place = one.place
        if self._in_force.get(place) == target:
            return None
        self._in_force.pop(place, None)  # unknown until it has worked, so that it is tried again
        hits = await self._ports.set(one.window, target)
        self._in_force[place] = target
        return hits

    def _event(self, state: _WindowState, ended_ns: int) -> FaultEvent:
        window = state.window
        applied_ns, reverted_ns = state.applied_ns, state.reverted_ns
        if not window.on_port and self._origin_ns + window.start_ns < ended_ns:
            applied_ns = self._origin_ns + window.start_ns  # the edge keeps its windows to the letter
            reverted_ns = min(ended_ns, self._origin_ns + window.end_ns)
        return FaultEvent(
            fault_id=window.fault_id,
            provider=window.provider,
            kind=window.inject.kind,
            leg=window.leg,
            applied_ns=applied_ns,
            reverted_ns=reverted_ns,
            fired=state.hits,
            error=state.error,
        )
