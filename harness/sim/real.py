"""What is real raises where time is virtual: sockets, sleeps, threads and processes. What is left to chance is fixed."""

from __future__ import annotations

import _posixsubprocess  # what every way to a new program ends in
import _thread
import asyncio
import os
import queue
import random
import select
import selectors
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import wraps
from importlib import import_module
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from harness.drivers.python.surroundings import is_library
from harness.errors import HarnessError
from harness.patches import patched

T = TypeVar("T")

_LIVE = "--engine live: only there may this happen"
_STDLIB = sysconfig.get_paths()["stdlib"]


class UnrealError(HarnessError):
    """Something that is impossible in virtual time was tried: the run would not be what it claims."""

    @classmethod
    def of(cls, what: str) -> UnrealError:
        """Return the error for something real that happened, with the module that did it."""
        return cls(f"{what} in virtual time, by {_culprit()}", where="sim", hint=_LIVE)


_BETWEEN = (__name__, "harness.drivers.login_sockets")
"""Our modules through which a chain calls the standard library."""


def _culprit() -> str:
    """Return the module and line nearest to the deed that is neither ours nor Python's own."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to look at the stack without reading sources
    while frame is not None:
        name, file = frame.f_globals.get("__name__", "?"), frame.f_code.co_filename
        library = not file.startswith(_STDLIB) or "site-packages" in file
        if library and name not in _BETWEEN and not file.startswith("<"):
            return f"{name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "somebody"


_CONNECTION, _LISTENER, _PACKET = "a real connection", "a real listener", "a real packet"
_LOOK_UP, _THREAD, _PROCESS = "a real name look-up", "a real thread", "a real process"
_WAIT, _FILES, _TIMER, _LOOP = (
    "a real wait for a thread",
    "a real wait for files",
    "a real timer",
    "an event loop of its own",
)
_REAL: tuple[tuple[Any, str, str], ...] = (
    (time, "sleep", "a real sleep"),
    (socket.socket, "connect", _CONNECTION),
    (socket.socket, "connect_ex", _CONNECTION),
    (socket.socket, "bind", _LISTENER),
    (socket.socket, "listen", _LISTENER),
    (socket.socket, "sendto", _PACKET),
    (socket.socket, "sendmsg", _PACKET),
    (socket, "getaddrinfo", _LOOK_UP),
    (socket, "gethostbyname", _LOOK_UP),
    (socket, "gethostbyname_ex", _LOOK_UP),
    (socket, "gethostbyaddr", _LOOK_UP),
    (socket, "getnameinfo", _LOOK_UP),
    (threading.Condition, "wait", _WAIT),
    (_thread, "start_new_thread", _THREAD),
    (select, "select", _FILES),
    (select, "poll", _FILES),
    (selectors.SelectSelector, "select", _FILES),
    (selectors.DefaultSelector, "select", _FILES),
    (signal, "alarm", _TIMER),
    (signal, "setitimer", _TIMER),
    (signal, "pause", "a real wait for a signal"),
    (signal, "sigwait", "a real wait for a signal"),
    (subprocess.Popen, "__init__", _PROCESS),
    (_posixsubprocess, "fork_exec", _PROCESS),
    (os, "system", _PROCESS),
    (os, "fork", _PROCESS),
    (os, "forkpty", _PROCESS),
    (os, "posix_spawn", _PROCESS),
    (os, "posix_spawnp", _PROCESS),
    (os, "execv", _PROCESS),
    (os, "execve", _PROCESS),
    (asyncio, "run", _LOOP),
    (asyncio.Runner, "run", _LOOP),
    (asyncio.BaseEventLoop, "run_forever", _LOOP),
)
"""Functions of the standard library: through one of these goes whatever does not bring a compiled part of its own."""


class _CurrentRun:
    """The run that goes on, if one does.

    Attributes:
        thread: The one it is in; others do what is real, such as a progress bar's. None where there is no run.
        importing: A chain's modules are being imported.
        in_library: It is a library's module that is being imported.
        now_ns: Its clock.
        drawn: What is otherwise left to chance.
        handled: The exception that was being handled when it began: the context of whatever is raised in it.
        spoiled: Why it does not count: something real was tried, or our own code failed.
    """

    def __init__(self) -> None:
        self.thread: int | None = None
        self.importing = self.in_library = False
        self.now_ns: Callable[[], int] = lambda: 0
        self.drawn = random.Random(0)
        self.handled: BaseException | None = None
        self.spoiled: list[tuple[HarnessError, BaseException | None]] = []


_run = _CurrentRun()


def refuse(what: str) -> NoReturn:
    """Take note that something real was tried: the run fails, even where somebody swallows the error.

    Raises:
        UnrealError: Always.
    """
    raise spoil(UnrealError.of(what))


def spoil(error: HarnessError, cause: BaseException | None = None) -> HarnessError:
    """Return an error that ends the run, even where somebody catches it, or takes its cause from it."""
    _run.spoiled.append((error, cause))
    return error


def handled_outside() -> BaseException | None:
    """Return the exception that was being handled when the run began, if one was."""
    return _run.handled


@contextmanager
def nothing_real(now_ns: Callable[[], int]) -> Iterator[None]:
    """Make what is real raise, in this thread, and what measures time virtual; afterwards all is as it was.

    Args:
        now_ns: The virtual clock.

    Raises:
        HarnessError: The run was spoiled, even where somebody in between has caught the error or made another of it.
    """
    _run.now_ns, _run.spoiled, _run.handled = now_ns, [], sys.exception()
    _run.drawn.seed(0)
    try:
        with patched((*_STAND_INS, *copies())):
            _run.thread = threading.get_ident()
            try:
                yield
            finally:
                _run.thread = _run.handled = None
    except Exception as error:
        if _run.spoiled:
            _raise_spoiled()
        if found := _unreal(error):
            raise found from found.__cause__
        raise
    if _run.spoiled:
        _raise_spoiled()


@contextmanager
def importing() -> Iterator[None]:
    """Allow what is real while a chain's modules are imported: some libraries try what the machine's network can do.

    What is left to chance is fixed there too, and the run's own draws do not depend on what had been imported before.

    Raises:
        UnrealError: A thread was left behind: the run cannot control what it does, and when.
    """
    before = set(threading.enumerate())
    states = random.getstate(), _run.drawn.getstate()
    _run.importing = True
    try:
        yield
    finally:
        _run.importing = False
        random.setstate(states[0])
        _run.drawn.setstate(states[1])
    if left := next((each for each in threading.enumerate() if each not in before), None):
        raise spoil(UnrealError(f"a real thread was started by an import: {left.name}", where="sim", hint=_LIVE))


def _raise_spoiled() -> NoReturn:
    (error, cause), *_ = _run.spoiled
    _run.spoiled = []  # their frames have the chain's open connections
    raise error from cause


def copies() -> list[tuple[ModuleType, str, Any]]:
    """Return where modules have functions under names of their own (`from time import sleep`), and what is to be there.

    Each module is searched once in a process: it takes a tenth of a second after LiteLLM's imports.
    """
    new = sys.modules.keys() - _known
    _known.update(new)
    for module in [sys.modules[name] for name in sorted(new)]:
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if id(value) in _BY_ID and (module, name) not in _PLACES:
                _found.append((module, name, _BY_ID[id(value)]))
    return _found


def _stand_in(real: Callable[..., Any], instead: Callable[..., Any], *, at_import: bool = True) -> Callable[..., Any]:
    """Return what is called in place of something. A module that is imported during a run keeps it.

    Args:
        real: What is replaced.
        instead: What a run calls.
        at_import: Whether it calls that also while a chain's modules are imported.
    """
    if isinstance(instead, type):
        return instead

    @wraps(real)
    def stand_in(*args: Any, **options: Any) -> Any:
        act = instead if threading.get_ident() == _run.thread and (at_import or not _run.importing) else real
        return act(*args, **options)

    return stand_in


def _forbidden(what: str) -> Callable[..., NoReturn]:
    def forbidden(*args: Any, **_options: Any) -> NoReturn:
        refuse(f"{what}{_address(what, args)} was tried")

    return forbidden


def _address(what: str, args: tuple[Any, ...]) -> str:
    """Return where a call would have gone, in words."""
    match what, args:
        case "a real name look-up", [str(host), *_]:
            return f" of {host}"
        case "a real connection", [_, [str(host), *_]]:
            return f" to {host}"
        case _:
            return ""


def _alone(real: Callable[..., T]) -> Callable[..., T]:
    """Return what runs an event loop, if it is within no other: the run's own."""

    def run(*args: Any, **options: Any) -> T:
        if asyncio._get_running_loop() is not None:  # noqa: SLF001 - documented, for those who write event loops
            refuse(f"{_LOOP} was tried")
        return real(*args, **options)

    return run


def _now_s() -> float:
    return _run.now_ns() / 1e9


def _now_ns() -> int:
    return _run.now_ns()


def _bytes(count: int) -> bytes:
    return _run.drawn.randbytes(count)


def _seed(self: random.Random, a: Any = None, version: int = 2) -> None:
    if a is None:  # at import a fixed one: how many were made before depends on what had been imported
        a = 0 if _run.importing or _run.in_library else _run.drawn.getrandbits(64)
    _SEED(self, a, version)


def _import(loader: SourceFileLoader, module: ModuleType) -> None:
    """Import a module; what a library draws then is the same in every run, since not every run imports it."""
    if not is_library(loader.path):
        _IMPORT(loader, module)
        return
    states, within = (random.getstate(), _run.drawn.getstate()), _run.in_library
    _run.in_library = True
    random.seed(0)
    _run.drawn.seed(0)
    try:
        _IMPORT(loader, module)
    finally:
        _run.in_library = within
        random.setstate(states[0])
        _run.drawn.setstate(states[1])


def _nobody() -> int:
    return 1 << 40  # a multicast address is no machine's


def _unreal(error: BaseException) -> UnrealError | None:
    """Return the error that stopped the run, out of whatever was made of it on the way."""
    if isinstance(error, UnrealError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_unreal, error.exceptions)), None)
    return None


def _at_once(_pool: ThreadPoolExecutor, func: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
    """Do a pool's work here and now: the run's result must not depend on when a thread is done."""
    future: Future[Any] = Future()
    try:
        future.set_result(func(*args, **options))
    except Exception as error:  # the code that waits for it gets it, as from a thread
        future.set_exception(error)
    return future


def _start(thread: threading.Thread) -> None:
    """Do a thread's work here and now, as a pool's; what would wait in it is refused there."""
    vars(thread)[_DONE] = True
    try:
        thread.run()
    except HarnessError:
        raise
    except Exception as error:  # the code that started it never gets it, as with a thread
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))


def _join(thread: threading.Thread, _timeout: float | None = None) -> None:
    if not vars(thread).get(_DONE):
        refuse(f"{_WAIT} was tried")


async def _at_once_for_anyio(func: Callable[..., T], *args: Any, **_options: Any) -> T:
    return func(*args)


_anyio_threads: tuple[ModuleType, ...] = ()
with suppress(ImportError):  # a chain's own environment may have no library that uses it
    _anyio_threads = (import_module("anyio.to_thread"),)
_IMPORT = SourceFileLoader.exec_module
_SEED = random.Random.seed
_DONE = "done in virtual time"
_VIRTUAL: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (time, "monotonic", _now_s),
    (time, "monotonic_ns", _now_ns),
    (time, "perf_counter", _now_s),
    (time, "perf_counter_ns", _now_ns),
    (os, "urandom", _bytes),
    (random, "_urandom", _bytes),
    (random.Random, "seed", _seed),
    (SourceFileLoader, "exec_module", _import),
    (uuid, "getnode", _nobody),
    (ThreadPoolExecutor, "submit", _at_once),
    (threading.Thread, "start", _start),
    (threading.Thread, "join", _join),
    *((anyio_threads, "run_sync", _at_once_for_anyio) for anyio_threads in _anyio_threads),
    (queue, "SimpleQueue", queue._PySimpleQueue),  # type: ignore[attr-defined]  # noqa: SLF001 - waits as all others do
)
"""What is another function in virtual time: what measures it beside `time.time()`, or is different in each process."""

_STAND_INS: tuple[tuple[Any, str, Any], ...] = (
    *(
        (owner, name, _stand_in(getattr(owner, name), instead, at_import=owner is not threading.Thread))
        for owner, name, instead in _VIRTUAL
    ),
    *(
        (owner, name, _stand_in(real, _alone(real) if what is _LOOP else _forbidden(what), at_import=what is _LOOP))
        for owner, name, what in _REAL
        for real in (getattr(owner, name),)
    ),
)
_PLACES = {(owner, name) for owner, name, _ in _STAND_INS}
_BY_ID = {id(getattr(owner, name)): instead for owner, name, instead in _STAND_INS if isinstance(owner, ModuleType)}
_known: set[str] = set()
_found: list[tuple[ModuleType, str, Any]] = []
