"""Make the providers' listeners fail at the planned times, repair them whatever happens, and record what was done when."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from harness.errors import HarnessError
from harness.history.records import FaultEvent
from harness.provider.listener import OPEN, ListenerState, changes_ns, in_force
from harness.scenario import Timeline, Window
from harness.waiting import sleep_until, to_the_end


class Proxies(Protocol):
    """What the nemesis needs of `Toxiproxy`."""

    async def set(self, name: str, state: ListenerState) -> None:
        """Make a provider's port behave like this."""


@dataclass(slots=True, eq=False)
class _WindowState:
    """What became of one window; times on the monotonic clock."""

    window: Window
    applied_ns: int | None = None
    reverted_ns: int | None = None
    error: str | None = None


class Nemesis:
    """Applies the windows that act on a whole provider, from entering until leaving.

    Leaving heals every provider and puts one `FaultEvent` per window, those that the edge decides included. At every
    planned time the nemesis computes how each provider's port must behave (`in_force`), and sets it where that has
    changed. So overlaps need no bookkeeping.

    A window acts from `applied_ns`, just before Toxiproxy is asked for it, to `reverted_ns`, just after Toxiproxy has
    confirmed its end: no attempt outside is touched. One that cannot be applied or reverted does not stop the run; its
    event carries the error.

    Args:
        timeline: All windows.
        proxies: The listeners.
        origin_ns: The run's origin, absolute on the monotonic clock, as all times in the events.
        put: Takes each event.
        clock_ns: The monotonic clock, the same as the event loop's.
    """

    def __init__(
        self,
        timeline: Timeline,
        proxies: Proxies,
        *,
        origin_ns: int,
        put: Callable[[FaultEvent], None],
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._proxies = proxies
        self._origin_ns = origin_ns
        self._put = put
        self._clock_ns = clock_ns
        self._states = [_WindowState(window) for window in timeline.windows]
        self._groups: defaultdict[str, list[_WindowState]] = defaultdict(list)
        for state in self._states:
            if state.window.inject.fault_kind.whole_provider:
                self._groups[state.window.provider].append(state)
        self._in_force: dict[str, ListenerState] = dict.fromkeys(self._groups, OPEN)
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended_ns = self._clock_ns()
        try:
            await to_the_end(self._heal())
        finally:
            for state in self._states:
                self._put(self._event(state, ended_ns))

    async def _run(self) -> None:
        for at_ns in changes_ns([state.window for group in self._groups.values() for state in group]):
            if at_ns > 0:  # what begins with the run is in force before its first request
                await sleep_until(self._origin_ns + at_ns, self._clock_ns)
            for provider, states in self._groups.items():
                target, windows = in_force([state.window for state in states], at_ns)
                acting = {window.fault_id for window in windows}
                await self._reach(provider, target, [s for s in states if s.window.fault_id in acting])

    async def _heal(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        for provider in self._groups:
            await self._reach(provider, OPEN, [])
        if not self._task.cancelled():
            self._task.result()

    async def _reach(self, provider: str, target: ListenerState, acting: list[_WindowState]) -> None:
        """Bring one provider into the state in which the given windows are in force."""
        began = [state for state in acting if state.applied_ns is None]
        ended = [
            state
            for state in self._groups[provider]
            if state.applied_ns is not None and state.reverted_ns is None and state not in acting
        ]
        now_ns = self._clock_ns()
        for state in began:
            state.applied_ns = max(now_ns, self._origin_ns + state.window.start_ns)
        for state in acting:
            state.reverted_ns = None  # it may have been in the shadow of another
        try:
            await self._set(provider, target)
        except HarnessError as error:
            for state in began:
                state.applied_ns = None
            for state in began + ended:
                state.error = str(error)
        else:
            for state in ended:
                state.reverted_ns = self._clock_ns()

    async def _set(self, provider: str, target: ListenerState) -> None:
        if self._in_force.get(provider) != target:
            self._in_force.pop(provider, None)  # unknown until it has worked, so that it is tried again
            await self._proxies.set(provider, target)
            self._in_force[provider] = target

    def _event(self, state: _WindowState, ended_ns: int) -> FaultEvent:
        window = state.window
        applied_ns, reverted_ns = state.applied_ns, state.reverted_ns
        if not window.inject.fault_kind.whole_provider and self._origin_ns + window.start_ns < ended_ns:
            applied_ns = self._origin_ns + window.start_ns  # the edge keeps its windows to the letter
            reverted_ns = min(ended_ns, self._origin_ns + window.end_ns)
        return FaultEvent(
            fault_id=window.fault_id,
            provider=window.provider,
            kind=window.inject.kind,
            applied_ns=applied_ns,
            reverted_ns=reverted_ns,
            error=state.error,
        )
