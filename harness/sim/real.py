"""What is real raises where time is virtual: sockets, sleeps, threads and processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio.to_thread

from harness.errors import HarnessError

T = TypeVar("T")

_LIVE = "--engine live: only there may this happen"
_ABSENT = object()
_STDLIB = sysconfig.get_paths()["stdlib"]


class UnrealError(HarnessError):
    """Something that is impossible in virtual time was tried: the run would not be what it claims."""

    @classmethod
    def of(cls, what: str) -> UnrealError:
        """Return the error for something real that happened, with the module that did it."""
        return cls(f"{what} in virtual time, by {_culprit()}", where="sim", hint=_LIVE)


def _culprit() -> str:
    """Return the module and line nearest to the deed that is neither ours nor Python's own."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to look at the stack without reading sources
    while frame is not None:
        name, file = frame.f_globals.get("__name__", "?"), frame.f_code.co_filename
        library = not file.startswith(_STDLIB) or "site-packages" in file
        if library and name != __name__ and not file.startswith("<"):
            return f"{name}:{frame.f_lineno}"
        if frame.f_back is None:
            break
        frame = frame.f_back
    return "somebody"


_REAL: tuple[tuple[Any, str, str], ...] = (
    (time, "sleep", "a real sleep"),
    (socket.socket, "connect", "a real connection"),
    (socket.socket, "connect_ex", "a real connection"),
    (socket.socket, "bind", "a real listener"),
    (socket.socket, "sendto", "a real packet"),
    (socket, "getaddrinfo", "a real name look-up"),
    (threading.Thread, "start", "a real thread"),
    (threading.Condition, "wait", "a real wait for a thread"),
    (subprocess.Popen, "__init__", "a real process"),
    (os, "system", "a real process"),
    (os, "fork", "a real process"),
)


@contextmanager
def nothing_real() -> Iterator[None]:
    """Make what is real raise, in this thread; afterwards all is as it was.

    Raises:
        UnrealError: It was tried, even where somebody in between has swallowed the error or made another of it.
    """
    ours = threading.get_ident()
    tried: list[UnrealError] = []
    kept = [(owner, name, vars(owner).get(name, _ABSENT)) for owner, name, _ in _REAL]
    submit, run_sync = ThreadPoolExecutor.submit, anyio.to_thread.run_sync
    try:
        for owner, name, what in _REAL:
            setattr(owner, name, _forbidden(getattr(owner, name), what, ours, tried))
        ThreadPoolExecutor.submit = _at_once  # type: ignore[method-assign, assignment]
        anyio.to_thread.run_sync = _at_once_for_anyio  # type: ignore[assignment]
        yield
    except Exception as error:
        if found := next(iter(tried), None) or _unreal(error):
            raise found from None
        raise
    finally:
        ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]
        anyio.to_thread.run_sync = run_sync
        for owner, name, own in kept:
            if own is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, own)
    if tried:
        raise tried[0]


def _forbidden(real: Callable[..., Any], what: str, ours: int, tried: list[UnrealError]) -> Callable[..., Any]:
    def forbidden(*args: Any, **options: Any) -> Any:
        if threading.get_ident() != ours:  # a thread that was there before, such as a progress bar's
            return real(*args, **options)
        tried.append(UnrealError.of(f"{what} was tried"))
        raise tried[-1]

    return forbidden


def _unreal(error: BaseException) -> UnrealError | None:
    """Return the error that stopped the run, out of whatever was made of it on the way."""
    if isinstance(error, UnrealError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_unreal, error.exceptions)), None)
    return None


def _at_once(_pool: ThreadPoolExecutor, func: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
    """Do a pool's work here and now: when a thread would be done is not ours to say."""
    future: Future[Any] = Future()
    try:
        future.set_result(func(*args, **options))
    except Exception as error:  # whoever waits for it gets it, as from a thread
        future.set_exception(error)
    return future


async def _at_once_for_anyio(func: Callable[..., T], *args: Any, **_options: Any) -> T:
    return func(*args)
