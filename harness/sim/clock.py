"""An event loop on which nobody waits: where it would sleep, its clock jumps.

Nothing real may happen on it. A socket, a sleep, a thread or a wait that nothing can ever end stops the run, by name.
"""

from __future__ import annotations

import asyncio
import contextlib
import platform
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple, Unpack

import time_machine

from harness.errors import HarnessError

T = TypeVar("T")
A = TypeVarTuple("A")

EPOCH_S = 1_800_000_000
"""What time of day it is when a simulated run begins; the same in every run."""
_SHOWN_MAX = 10


class UnrealError(HarnessError):
    """Something that is impossible in virtual time was tried: the run would not be what it claims."""


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
        self._traveller.move_to(EPOCH_S + self.now_ns / 1e9)

    @property
    def wall_ns(self) -> int:
        """What time of day it is, in nanoseconds since 1970."""
        return EPOCH_S * 10**9 + self.now_ns


class _Selector(selectors.BaseSelector):
    """Waits by jumping. The loop's own wake-up pipe is the one descriptor that it takes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._keys:
            raise UnrealError("a socket was opened in virtual time", where="sim")
        descriptor = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        key = selectors.SelectorKey(fileobj, descriptor, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise UnrealError(f"a deadlock: nothing is left that could happen{_waiting()}", where="sim")
        if timeout > 0:
            self._clock.jump(max(1, round(timeout * 1e9)))
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._virtual = clock
        super().__init__(_Selector(clock))
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._virtual.now_ns / 1e9

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - nobody's threads are used
        func: Callable[[Unpack[A]], T],
        *args: *A,
    ) -> asyncio.Future[T]:
        """Run it here and now: when a thread would be done is not ours to say."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # the caller's to handle, as with a thread
            future.set_exception(error)
        return future


def _waiting() -> str:
    """Return who waits, for a deadlock's message."""
    tasks = sorted(task.get_name() for task in asyncio.all_tasks() if not task.done())
    more = len(tasks) - _SHOWN_MAX
    return f"; waiting: {', '.join(tasks[:_SHOWN_MAX])}{f' and {more} more' if more > 0 else ''}" if tasks else ""


def run(main: Callable[[Clock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in virtual time; leave nothing of it behind.

    Args:
        main: Makes the coroutine, of the clock.

    Raises:
        UnrealError: It deadlocks, or something in it is real: a socket, a sleep, a thread, a process.
    """
    platform.processor()  # Python asks a process for it, once; clients say it in their headers
    with time_machine.travel(EPOCH_S, tick=False) as traveller, _nothing_real():
        clock = Clock(traveller)
        with asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner:
            return runner.run(main(clock))


@contextlib.contextmanager
def _nothing_real() -> Iterator[None]:
    """Make what is real raise."""
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in _REAL]
    submit = ThreadPoolExecutor.submit
    tried: list[UnrealError] = []
    try:
        for owner, name, what in _REAL:
            setattr(owner, name, _forbidden(what, tried))
        ThreadPoolExecutor.submit = _at_once  # type: ignore[method-assign, assignment]
        yield
    finally:
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
        for owner, name, real in kept:
            setattr(owner, name, real)
    if tried:  # somebody in between has swallowed it
        raise tried[0]


_REAL: tuple[tuple[Any, str, str], ...] = (
    (time, "sleep", "a real sleep"),
    (socket.socket, "connect", "a real connection"),
    (socket.socket, "connect_ex", "a real connection"),
    (socket, "getaddrinfo", "a real name look-up"),
    (threading.Thread, "start", "a real thread"),
    (subprocess.Popen, "__init__", "a real process"),
)


def _forbidden(what: str, tried: list[UnrealError]) -> Callable[..., Any]:
    def forbidden(*_args: Any, **_options: Any) -> Any:
        tried.append(UnrealError(f"{what} was tried in virtual time", where="sim"))
        raise tried[-1]

    return forbidden


def _at_once(_pool: ThreadPoolExecutor, func: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
    """Do a pool's work here and now: when a thread would be done is not ours to say."""
    future: Future[Any] = Future()
    try:
        future.set_result(func(*args, **options))
    except Exception as error:  # whoever waits for it gets it, as from a thread
        future.set_exception(error)
    return future
