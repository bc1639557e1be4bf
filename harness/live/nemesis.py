"""Make the providers' listeners fail at the planned times, heal them whatever happens, and tell what was done when."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from harness.errors import HarnessError
from harness.history.records import FaultEvent
from harness.live.processes import to_the_end
from harness.provider.inject import WHOLE_PROVIDER
from harness.scenario import Inject, Timeline, Window

_UNKNOWN = object()


class Proxies(Protocol):
    """What the nemesis needs of `Toxiproxy`."""

    async def refuse(self, name: str) -> None:
        """Refuse a provider's connections."""

    async def accept(self, name: str) -> None:
        """Accept them again."""

    async def slow(self, name: str, *, delay_ns: int, jitter_ns: int = 0) -> None:
        """Delay what a provider sends."""

    async def unslow(self, name: str) -> None:
        """Delay it no more."""

    async def throttle(self, name: str, *, bytes_per_second: int) -> None:
        """Limit how fast a provider's bytes pass."""

    async def unthrottle(self, name: str) -> None:
        """Limit it no more."""


@dataclass(slots=True, eq=False)
class _WindowState:
    """What became of one window; times on the monotonic clock."""

    window: Window
    applied_ns: int | None = None
    reverted_ns: int | None = None
    error: str | None = None

    def covers(self, at_ns: int) -> bool:
        return self.window.start_ns <= at_ns < self.window.end_ns


class Nemesis:
    """Applies the windows that act on a whole provider (`refused`, `slow`, `throttle`), from entering until leaving.

    Leaving heals every provider and puts one `FaultEvent` per window, those that the edge decides included. At every
    planned time the nemesis works out anew, for each provider and kind, which window is in force, and tells Toxiproxy
    where that has changed. So overlaps need no bookkeeping: connections are refused until the last window that
    refuses them ends, and of two delays, or two throttles, the one earlier in the file holds.

    A window acts from `applied_ns`, just before Toxiproxy was told, to `reverted_ns`, just after it was told the
    contrary: no attempt outside was touched. One that cannot be applied or reverted does not stop the run; its event
    carries the error.

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
        self._groups: defaultdict[tuple[str, str], list[_WindowState]] = defaultdict(list)
        for state in self._states:
            if state.window.inject.kind in WHOLE_PROVIDER:
                self._groups[state.window.provider, state.window.inject.kind].append(state)
        self._in_force: dict[tuple[str, str], Any] = {}
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
        windows = [state.window for group in self._groups.values() for state in group]
        for at_ns in sorted({at for window in windows for at in (window.start_ns, window.end_ns)}):
            await asyncio.sleep(max(0, self._origin_ns + at_ns - self._clock_ns()) / 10**9)
            for group, states in self._groups.items():
                await self._reach(group, [state for state in states if state.covers(at_ns)])

    async def _heal(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        for group in self._groups:
            await self._reach(group, [])
        if not self._task.cancelled():
            self._task.result()

    async def _reach(self, group: tuple[str, str], covering: list[_WindowState]) -> None:
        """Bring one provider into the state in which the given windows are in force."""
        acting = covering if group[1] == "refused" else covering[:1]
        target = acting[0].window.inject if acting else None
        began = [state for state in acting if state.applied_ns is None]
        ended = [
            s for s in self._groups[group] if s.applied_ns is not None and s.reverted_ns is None and s not in acting
        ]
        began_ns = self._clock_ns()
        for state in began:
            state.applied_ns = began_ns
        for state in acting:
            state.reverted_ns = None  # it may have been in the shadow of another
        try:
            await self._change(group, target)
        except HarnessError as error:
            for state in began:
                state.applied_ns = None
            for state in began + ended:
                state.error = str(error)
        else:
            for state in ended:
                state.reverted_ns = self._clock_ns()

    async def _change(self, group: tuple[str, str], target: Inject | None) -> None:
        provider, kind = group
        if kind == "refused":
            target = None if target is None else Inject(connection="refused")
        if self._in_force.get(group) == target:
            return
        self._in_force[group] = _UNKNOWN  # until it is known to have worked, so that it is tried again
        if kind == "refused":
            await (self._proxies.refuse(provider) if target else self._proxies.accept(provider))
        elif kind == "slow" and target:
            await self._proxies.slow(provider, delay_ns=target.delay or 0, jitter_ns=target.jitter or 0)
        elif kind == "slow":
            await self._proxies.unslow(provider)
        elif target:
            await self._proxies.throttle(provider, bytes_per_second=target.bytes_per_second or 0)
        else:
            await self._proxies.unthrottle(provider)
        self._in_force[group] = target

    def _event(self, state: _WindowState, ended_ns: int) -> FaultEvent:
        window = state.window
        applied_ns, reverted_ns = state.applied_ns, state.reverted_ns
        if window.inject.kind not in WHOLE_PROVIDER and self._origin_ns + window.start_ns < ended_ns:
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
