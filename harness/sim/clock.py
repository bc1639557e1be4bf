"""An event loop that never waits: where it would sleep, it moves its clock forward.

Nothing real may happen on it: what is real raises (`harness.sim.real`). A wait that nothing can ever end stops the run
by name, and so does work that never lets time pass.
"""

from __future__ import annotations

import asyncio
import gc
import platform
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from contextvars import Context
from pathlib import PurePath
from typing import Any, TypeVar, TypeVarTuple, Unpack

from harness.sim.real import UnrealError, nothing_real, refuse
from harness.sim.time_travel import time_machine

__all__ = ["EPOCH_S", "Clock", "UnrealError", "run"]

T = TypeVar("T")
A = TypeVarTuple("A")

EPOCH_S = 1_800_000_000
"""What time of day it is when a simulated run begins; the same in every run."""
DAY_NS = 24 * 3600 * 10**9
STANDSTILL_MAX = 100_000
"""How many rounds of the loop may pass without any time passing."""
NATIVE_WAIT_S = 10.0
"""How long compiled code may take, in real seconds, to complete a future that it made."""
_COLLECT_ROUNDS = 5_000
_SHOWN_MAX = 10
_RUN = threading.Lock()
"""Held by the run that goes on: its clock and its stand-ins are the whole process's."""


class Clock:
    """Virtual time.

    Attributes:
        now_ns: Nanoseconds since the loop began.
    """

    __slots__ = ("_traveller", "now_ns")

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self.now_ns = 0
        self._traveller = traveller

    def jump(self, ns: int) -> None:
        """Let time pass; `time.time()` passes with it, or cooldowns would never end."""
        self.now_ns += ns
        self._traveller.shift(ns / 1e9)  # to the nanosecond, which a float since 1970 is not

    @property
    def wall_ns(self) -> int:
        """What time of day it is, in nanoseconds since 1970."""
        return EPOCH_S * 10**9 + self.now_ns


class _Selector(selectors.BaseSelector):
    """Waits by jumping. The loop's own wake-up pipe is the one descriptor that it takes."""

    def __init__(self, clock: Clock, limit_ns: int) -> None:
        self._clock = clock
        self._limit_ns = limit_ns
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self._rounds = 0
        self._still = 0
        self.native: set[asyncio.Future[Any]] = set()
        """Pending futures that compiled code made, to be completed by a thread of its own: in no virtual time."""
        self._called = threading.Lock()
        self._called.acquire()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._keys:
            refuse("a socket was opened")
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._rounds += 1
        if self._rounds % _COLLECT_ROUNDS == 0:
            gc.collect()
        if self.native and (timeout is None or timeout > 0):
            self._wait_for_native()
            return []
        if timeout is None:
            raise UnrealError(f"a deadlock: nothing is left that could happen{_waiting()}", where="sim")
        if timeout > 0:
            self._still = 0
            self._clock.jump(max(1, round(timeout * 1e9)))
            if self._clock.now_ns > self._limit_ns:
                problem = f"no end after {self._clock.now_ns / 1e9:.0f} simulated seconds{_waiting()}"
                raise UnrealError(problem, where="sim")
            return []
        self._still += 1
        if self._still > STANDSTILL_MAX:
            self._still = 0  # what is cancelled now may still tidy up
            raise UnrealError(f"busy without end while time stands still{_waiting()}", where="sim")
        return []

    def called(self) -> None:
        """End a wait for compiled code; for any thread."""
        with suppress(RuntimeError):  # it has ended already
            self._called.release()

    def _wait_for_native(self) -> None:
        """Wait in real time, while the clock stands still, until another thread calls the loop."""
        if not self._called.acquire(timeout=NATIVE_WAIT_S):
            self.native.clear()  # what is cancelled now may still tidy up
            problem = f"compiled code did not complete what it began within {NATIVE_WAIT_S:g} real seconds{_waiting()}"
            raise UnrealError(problem, where="sim", hint="--engine live")


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock, limit_ns: int) -> None:
        self._virtual = clock
        self._waits = _Selector(clock, limit_ns)
        super().__init__(self._waits)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._virtual.now_ns / 1e9

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future, and note it if compiled code asked for it: no Python code that calls this lacks its name."""
        future = super().create_future()
        if "create_future" not in sys._getframe(1).f_code.co_names:  # noqa: SLF001 - the documented way to the caller
            self._waits.native.add(future)
            future.add_done_callback(self._waits.native.discard)
        return future

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[A]], object], *args: *A, context: Context | None = None
    ) -> asyncio.Handle:
        """Schedule a call, as a thread of compiled code does when it completes a future."""
        handle = super().call_soon_threadsafe(callback, *args, context=context)
        self._waits.called()
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what nothing else handles, but not a library's clients that are still open when a run ends: they do no harm."""
        if "exception" in context or not str(context.get("message")).startswith("Unclosed"):
            super().call_exception_handler(context)

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - no threads are used
        func: Callable[[Unpack[A]], T],
        *args: *A,
    ) -> asyncio.Future[T]:
        """Run it here and now: the run's result must not depend on when a thread is done."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # the caller's to handle, as with a thread
            future.set_exception(error)
        return future


def _waiting() -> str:
    """Return who waits, and where, for the message of a run that cannot go on."""
    tasks = sorted(f"{task.get_name()} ({_place(task)})" for task in asyncio.all_tasks() if not task.done())
    more = len(tasks) - _SHOWN_MAX
    return f"; waiting: {', '.join(tasks[:_SHOWN_MAX])}{f' and {more} more' if more > 0 else ''}" if tasks else ""


def _place(task: asyncio.Task[Any]) -> str:
    """Return the line at which a task waits: of whatever it awaits, the innermost that is Python."""
    link: Any = task.get_coro()
    place = type(link).__name__
    while link is not None:
        frame = getattr(link, "cr_frame", None) or getattr(link, "ag_frame", None) or getattr(link, "gi_frame", None)
        if frame is not None:
            place = f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
        link = getattr(link, "cr_await", None) or getattr(link, "ag_await", None) or getattr(link, "gi_yieldfrom", None)
    return place


def run(main: Callable[[Clock], Coroutine[Any, Any, T]], *, limit_ns: int = 10_000 * DAY_NS) -> T:
    """Run a coroutine in virtual time; leave nothing of it behind.

    Args:
        main: Makes the coroutine, of the clock.
        limit_ns: When it must have come to its end, in virtual nanoseconds.

    Raises:
        UnrealError: It deadlocks or never ends, or something in it is real: a socket, a sleep, a thread, a process. This
            comes out whatever the coroutine made of it. Or another run goes on.
    """
    platform.processor()  # Python asks a process for it, once; clients send it in their headers
    with _alone(), _collected(), time_machine.travel(EPOCH_S, tick=False) as traveller:
        clock = Clock(traveller)
        with (
            nothing_real(lambda: clock.now_ns),
            asyncio.Runner(loop_factory=lambda: _VirtualLoop(clock, limit_ns)) as runner,
        ):
            return runner.run(main(clock))


@contextmanager
def _alone() -> Iterator[None]:
    if not _RUN.acquire(blocking=False):
        raise UnrealError("another run goes on in this process", where="sim", hint="one after the other")
    try:
        yield
    finally:
        _RUN.release()


@contextmanager
def _collected() -> Iterator[None]:
    """Collect garbage at fixed points of the run, not at those that earlier runs decide: some of it closes connections."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()  # what was there before is not collected, so there is no need to look at it again
    try:
        yield
    finally:
        gc.collect()
        gc.unfreeze()
        if enabled:
            gc.enable()
