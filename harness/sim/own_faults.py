"""A bug in our own code is no failure of the chain: it ends the run, also where the chain catches the exception."""

from __future__ import annotations

import sysconfig
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from harness.drivers.recorder import Recorder
from harness.drivers.reference.wire import BrokenError
from harness.errors import HarnessError
from harness.sim.real import handled_outside, spoil

P = ParamSpec("P")
T = TypeVar("T")

_STDLIB = sysconfig.get_paths()["stdlib"]
_OURS = (
    "harness.caller.",
    "harness.drivers.litellm_router.fast",
    "harness.drivers.http_bytes",
    "harness.drivers.login",
    "harness.drivers.recorder",
    "harness.drivers.watched",
    "harness.edge.",
    "harness.provider.",
    "harness.sim.",
)
"""What surrounds a chain. The hosts of chains are left out: what they raise is what the chain made them raise."""


class OwnFaultError(HarnessError):
    """Our own code failed while a chain ran."""

    @classmethod
    def of(cls, bug: BaseException, place: str) -> OwnFaultError:
        """Return the error for an exception, and the module and line that raised it."""
        return cls(
            f"{type(bug).__name__}: {bug}, in {place}", where="sim", hint="a bug of the harness, not of the chain"
        )


def guarded(work: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Return a function of ours that a chain calls, where anything but a broken exchange ends the run.

    Raises:
        OwnFaultError: It raised something else.
    """

    @wraps(work)
    async def guard(*args: P.args, **options: P.kwargs) -> T:
        try:
            return await work(*args, **options)
        except (BrokenError, HarnessError):
            raise
        except Exception as bug:
            raise own(bug) from bug

    return guard


def own(bug: Exception) -> HarnessError:
    """Return the error that ends the run for an exception of our own code."""
    return bug if isinstance(bug, HarnessError) else spoil(OwnFaultError.of(bug, _places(bug)[-1]), bug)


class GuardedRecorder(Recorder):
    """A recorder whose own bugs end the run."""

    def failed(self, error: Exception) -> Exception:
        """Return what to raise for a bug in the watching itself."""
        return own(error)


def disown(error: BaseException) -> None:
    """Return if what a chain raised is a failure of its own.

    Raises:
        OwnFaultError: It, or an exception that it was made of, comes from our own code.
    """
    for each in _causes(error):
        if isinstance(each, BrokenError | HarnessError | OSError):
            continue
        places = _places(each)
        if places and places[-1].startswith(_OURS):
            raise spoil(OwnFaultError.of(each, places[-1]), error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and all that it was raised from or while handling in this run."""
    seen = {id(handled_outside())}
    left: list[BaseException | None] = [error]
    while left:
        link = left.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            left += [link.__cause__, link.__context__]
            yield link


def _places(error: BaseException) -> list[str]:
    """Return the modules and lines by which an exception came, the one that raised it last; Python's own are left out."""
    found = []
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(_STDLIB) or "site-packages" in file:
            found.append(f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found
