"""The runs of one command while they go on: what was counted of each, and what happened a moment ago."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.history.records import AttemptRecord, RequestRecord
from harness.scenario import Plan
from harness.store import RunFolder
from harness.store.capture import Row
from harness.watch import exposition
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.exposition import RunCounts
from harness.watch.gauges import CONDITIONS
from harness.watch.live_counts import Happened, LiveCounts
from harness.watch.steps import FallbackStep
from harness.watch.tail import Tail

RECENT_S = 5.0
"""How long what happened is recent."""
STEPS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderNow:
    """A provider in the last `RECENT_S`.

    Attributes:
        name: Its name.
        state: Of its circuit breaker; None where the chain does not report it.
        faults: The faults that act on it, in words.
        attempts: Attempts that ended.
        failed: Those of them that failed.
        served: Requests that it served.
    """

    name: str
    state: str | None
    faults: tuple[str, ...]
    attempts: int
    failed: int
    served: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNow:
    """A run in the last `RECENT_S`, and since its beginning.

    Attributes:
        providers: In the chain's order.
        requests: All that have ended.
        complete: Those of them that got the complete answer.
        attempts_per_s: Attempts that ended a second, recently.
        fallbacks: All.
        steps: The last fallbacks, the latest first, each with how many seconds ago it was.
    """

    providers: tuple[ProviderNow, ...]
    requests: int
    complete: int
    attempts_per_s: float
    fallbacks: int
    steps: tuple[tuple[float, FallbackStep], ...]


class WatchedRun:
    """A run that goes on. Rows come on the event loop, and other threads ask what they came to.

    Args:
        plan: What it is to do.
        clock: Seconds that never go back, the clock of the rows.
    """

    def __init__(self, plan: Plan, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.plan = plan
        self._clock = clock
        self._began_s = clock()
        self._lock = threading.Lock()
        self._live = LiveCounts(plan, happened=self._happened, clock=clock)
        self._recent: deque[Happened] = deque()
        self._steps: deque[Happened] = deque(maxlen=STEPS_SHOWN)

    def take(self, rows: Sequence[Row]) -> None:
        """Count rows."""
        with self._lock:
            self._live.take(rows)

    def end(self) -> None:
        """Count what still waits for something: no more rows come."""
        with self._lock:
            self._live.settle()

    def counted(self) -> RunCounts:
        """Return what was counted so far."""
        with self._lock:
            return RunCounts(scenario=self.plan.name, chain=self.plan.chain.name, counts=self._live.counts.copy())

    @property
    def begun(self) -> bool:
        """Whether its clock has begun."""
        return self._live.origin_ns is not None

    def now(self) -> RunNow:
        """Return what happens."""
        with self._lock:
            return self._now(self._clock())

    def _now(self, now_s: float) -> RunNow:
        self._forget(now_s)
        attempts: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        served: Counter[str | None] = Counter()
        for each in self._recent:
            if isinstance(each.what, AttemptRecord):
                attempts[each.what.provider] += 1
                failed[each.what.provider] += each.what.outcome != "ok"
            elif isinstance(each.what, RequestRecord):
                served[each.what.served_by] += 1
        counts = self._live.counts
        requests = counts.numbers[names.REQUESTS]
        span_s = max(1.0, min(RECENT_S, now_s - self._began_s))
        return RunNow(
            providers=tuple(
                ProviderNow(
                    name=name,
                    state=_state(counts, name),
                    faults=_faults(counts, self.plan, name),
                    attempts=attempts[name],
                    failed=failed[name],
                    served=served[name],
                )
                for name in self.plan.chain.order
            ),
            requests=int(sum(requests.values())),
            complete=int(sum(number for (outcome, *_), number in requests.items() if outcome == "ok")),
            attempts_per_s=attempts.total() / span_s,
            fallbacks=int(sum(counts.numbers[names.FALLBACKS].values())),
            steps=tuple(
                (now_s - each.at_s, each.what) for each in reversed(self._steps) if isinstance(each.what, FallbackStep)
            ),
        )

    def _happened(self, happened: Happened) -> None:
        if isinstance(happened.what, FallbackStep):
            self._steps.append(happened)
        else:
            self._recent.append(happened)
            self._forget(happened.at_s)

    def _forget(self, now_s: float) -> None:
        while self._recent and self._recent[0].at_s < now_s - RECENT_S:
            self._recent.popleft()


def _state(counts: Counts, provider: str) -> str | None:
    states = counts.numbers[names.PROVIDER_STATE]
    return next((state for state in CONDITIONS if states.get((provider, state))), None)


def _faults(counts: Counts, plan: Plan, provider: str) -> tuple[str, ...]:
    acting = {
        fault for (name, fault, _), acts in counts.numbers[names.FAULT_ACTIVE].items() if acts and name == provider
    }
    own = (window for window in plan.timeline.windows if window.provider == provider and window.fault_id in acting)
    return tuple(dict.fromkeys(window.text or window.inject.kind for window in own))


class Watch:
    """The runs of one command.

    Args:
        command: Its name.

    Attributes:
        problems: Why a run cannot be watched, in sentences.
    """

    def __init__(self, command: str = "run") -> None:
        self.problems: list[str] = []
        self._command = command
        self._lock = threading.Lock()
        self._ended: dict[tuple[str, str], Counts] = {}
        self._going: list[WatchedRun] = []

    @asynccontextmanager
    async def over(self, plan: Plan, capture: Path) -> AsyncIterator[None]:
        """Watch a run that writes to a capture folder, from entering until leaving.

        Args:
            plan: What it is to do.
            capture: The folder.
        """
        run = WatchedRun(plan)
        with self._lock:
            self._going.append(run)
        try:
            with Tail(capture) as tail:
                task = asyncio.create_task(self._follow(run, tail))
                try:
                    yield
                finally:
                    task.cancel()
                    await asyncio.wait([task])
                    self._drain(run, tail)
        finally:
            run.end()
            with self._lock:
                self._going.remove(run)
            self.add(run.counted())

    def add(self, ended: RunCounts) -> None:
        """Add a run that has ended."""
        key = (ended.scenario, ended.chain)
        with self._lock:
            self._ended[key] = self._ended.get(key, Counts()).plus(ended.counts)

    def add_judged(self, folder: RunFolder) -> None:
        """Add a run that was judged; nothing if its metrics could not be written."""
        try:
            found = exposition.parsed(folder.prometheus.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            self.problems.append(f"{folder.prometheus}: {problem}")
            return
        for ended in found:
            self.add(ended)

    def runs(self) -> list[RunCounts]:
        """Return what was counted so far, by scenario and chain."""
        with self._lock:
            found = dict(self._ended)
            going = list(self._going)
        for run in going:
            counted = run.counted()
            key = (counted.scenario, counted.chain)
            found[key] = found[key].plus(counted.counts) if key in found else counted.counts
        return [RunCounts(scenario=scenario, chain=chain, counts=each) for (scenario, chain), each in found.items()]

    def health(self) -> dict[str, Any]:
        """Return what is true of the command now, in plain data."""
        going = [{"scenario": run.plan.name, "chain": run.plan.chain.name} for run in self.going]
        return {"command": self._command, "runs": going, "problems": self.problems}

    @property
    def going(self) -> tuple[WatchedRun, ...]:
        """The runs that go on."""
        with self._lock:
            return tuple(self._going)

    async def _follow(self, run: WatchedRun, tail: Tail) -> None:
        try:
            async for piece in tail.follow():
                run.take(piece)
        except (UsageError, OSError) as problem:  # the run goes on, and its verdict reads the files once more
            self.problems.append(f"{run.plan.name}: {problem}")

    def _drain(self, run: WatchedRun, tail: Tail) -> None:
        try:
            for piece in tail.pieces():
                run.take(piece)
        except (UsageError, OSError) as problem:
            self.problems.append(f"{run.plan.name}: {problem}")
