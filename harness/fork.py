"""Work in a process that nothing has run in before: a fork of one that has done its imports.

A chain's library keeps state in its modules, so a run can change the next one in the same process. A fork begins with what
its parent has imported, and takes its changes with it when it ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import select
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, Generic, NoReturn, Self, TypeVar

from harness.errors import HarnessError

T = TypeVar("T")

_END_S = 2.0
_ends: set[int] = set()
"""Pipes to forkers: one that another forker kept open would not end."""
_late: list[str] = []
"""Modules that the last fork imported, and this process has not."""


def in_fork(work: Callable[[], T], *, owner: int | None = None) -> T:
    """Call a function in a fork of this process, and return what it returns.

    Args:
        work: May use whatever this process has. Its result must be picklable.
        owner: A pipe that this process reads its work from: once its other end is closed, the fork is killed.

    Raises:
        HarnessError: The fork died, or was killed.
        Exception: What the function raises.
    """
    with WorkingFork(work) as forked:
        return forked.result(owner=owner)


class WorkingFork(Generic[T]):
    """A function at work in a fork of this process, which can do something else meanwhile; leaving kills the fork.

    Args:
        work: May use whatever this process has. Its result must be picklable.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._receiving, sending = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = _fork()
        if self._pid == 0:
            os.close(self._receiving)
            _work(work, sending)
        os.close(sending)
        self._status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        os.close(self._receiving)
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)

    def result(self, *, owner: int | None = None, within_s: float | None = None) -> T:
        """Wait for it, and return what the function returns.

        Args:
            owner: A pipe that this process reads its work from: once its other end is closed, the fork is killed.
            within_s: How long to wait, in seconds; for ever if None.

        Raises:
            HarnessError: The fork died, or was killed.
            TimeoutError: It has not come to an end in that time.
            Exception: What the function raises.
        """
        if owner is not None:
            _watch(self._receiving, owner)
        if within_s is not None and not _readable(self._receiving, within_s):
            raise TimeoutError
        with os.fdopen(self._receiving, "rb", closefd=False) as pipe:
            answer = pipe.read()
        _, self._status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(self._status)
        if code or not answer:
            ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise HarnessError(f"ended early ({ended})", where="sim")
        returned: T = _opened(pickle.loads(answer))  # noqa: S301 - written by our own fork
        return returned


def in_warm_fork(work: Callable[[], T], *, owner: int | None = None) -> T:
    """Call a function as `in_fork` does, after importing here what an earlier one imported late: each pays for it once.

    Libraries import parts of themselves with their first call. A process that is asked for one run imports nothing twice.
    """
    if _late:
        _import(_late)
        _late.clear()
        freeze()
    result, imported = in_fork(partial(_with_imports, work), owner=owner)
    _late.extend(imported)
    return result


def freeze() -> None:
    """Leave what was imported alone, so that collections in forks copy no pages."""
    _freeze(len(sys.modules))


@cache
def _freeze(_modules: int) -> None:
    gc.collect()
    gc.freeze()


def _with_imports(work: Callable[[], T]) -> tuple[T, list[str]]:
    """Return what a function returns, and the modules that it imported."""
    before = set(sys.modules)
    result = work()
    return result, [name for name in sys.modules if name not in before]


def _import(names: Iterable[str]) -> None:
    """Import parts of packages that this process has already: a chain's own modules may be imported only as its run does it."""
    for name in names:
        if name.partition(".")[0] in sys.modules:
            with contextlib.suppress(Exception):  # its run could import it; what runs do not share is no one's fault
                importlib.import_module(name)


def _watch(receiving: int, owner: int) -> None:
    """Return once a fork has begun to answer, or has ended.

    Raises:
        HarnessError: The owner is gone.
    """
    watched = select.poll()
    watched.register(receiving, select.POLLIN)
    watched.register(owner, 0)  # its end is reported without asking
    if receiving not in {descriptor for descriptor, _ in watched.poll()}:
        raise HarnessError("nobody waits for the answer", where="sim")


def _readable(receiving: int, within_s: float) -> bool:
    """Return once a fork has begun to answer, or has ended; false if it has not in that time."""
    watched = select.poll()
    watched.register(receiving, select.POLLIN)
    return bool(watched.poll(within_s * 1000))


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns if this process has threads; none of them holds a lock that a fork needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _opened(answer: tuple[Any, BaseException | None]) -> Any:
    """Return the result in an answer, or raise its exception."""
    result, error = answer
    if error is not None:
        raise error
    return result


def _work(work: Callable[[], Any], sending: int) -> NoReturn:
    """Be the fork: nothing goes on into the code of the process that forked."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which kills this process
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a chain that asks for input would read the parent's messages
            os.dup2(nothing.fileno(), 0)
        answer = _answer_of(work)
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(answer)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _pickled(error: BaseException) -> bytes:
    try:
        answer = pickle.dumps((None, error))
        pickle.loads(answer)  # noqa: S301 - some exceptions can be written, but not read
        return answer
    except Exception:
        return pickle.dumps((None, HarnessError(f"{type(error).__name__}: {error}", where="sim")))


class Forker:
    """A process that does nothing but fork: what it forks begins as this process was when it was made.

    Args:
        pid: Its number.
        asking: A pipe to it.
        receiving: A pipe from it.

    Attributes:
        ended: It has died.
    """

    def __init__(self, pid: int, asking: int, receiving: int) -> None:
        self.pid = pid
        self.ended = False
        self._asking = os.fdopen(asking, "wb")
        self._receiving = os.fdopen(receiving, "rb")
        _ends.add(asking)

    @classmethod
    def start(cls, begin: Callable[[], None] = lambda: None, *, owner: int | None = None) -> Self:
        """Fork it.

        Args:
            begin: Called in it, before it is asked for anything.
            owner: As for `in_fork`.

        Raises:
            Exception: What that raises.
        """
        asked, asking = os.pipe()
        receiving, sending = os.pipe()
        gc.collect()
        pid = _fork()
        if pid == 0:
            os.close(asking)
            os.close(receiving)
            _serve(asked, sending, begin)
        os.close(asked)
        os.close(sending)
        self = cls(pid, asking, receiving)
        try:
            self._answer(owner)
        except BaseException:
            self.close()
            raise
        return self

    def run(self, work: Callable[..., T], *arguments: Any, owner: int | None = None, **options: Any) -> T:
        """Call a function in a fork of it, and return what that returns. All of it must be picklable.

        Args:
            work: The function.
            arguments: Its arguments.
            owner: As for `in_fork`.
            options: Its options.

        Raises:
            HarnessError: The fork died, or was killed, or there is nothing to fork any more.
            Exception: What the function raises.
        """
        try:
            pickle.dump(partial(work, *arguments, **options), self._asking)
            self._asking.flush()
        except BrokenPipeError:
            raise self._death() from None
        returned: T = self._answer(owner)
        return returned

    def close(self) -> None:
        """End it, and whatever its fork is at."""
        _ends.discard(self._asking.fileno())
        with contextlib.suppress(BrokenPipeError):
            self._asking.close()
        select.select([self._receiving], [], [], _END_S)
        self._receiving.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _answer(self, owner: int | None) -> Any:
        if owner is not None:
            _watch(self._receiving.fileno(), owner)
        try:
            answer = pickle.load(self._receiving)  # noqa: S301 - written by our own fork
        except EOFError:
            raise self._death() from None
        return _opened(answer)

    def _death(self) -> HarnessError:
        self.ended = True
        return HarnessError("the process that forks has ended", where="sim")


@contextmanager
def pristine() -> Iterator[Forker]:
    """Fork a process that stays as this one is now, and end it on leaving: `clean.run(function, *arguments)`."""
    clean = Forker.start()
    try:
        yield clean
    finally:
        clean.close()


def _serve(asked: int, sending: int, begin: Callable[[], None]) -> NoReturn:
    """Be a forker, until the pipe of its requests is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for end in _ends:
        os.close(end)
    _ends.clear()
    try:
        with os.fdopen(asked, "rb") as questions, os.fdopen(sending, "wb") as answers:
            answers.write(_answer_of(begin))
            answers.flush()
            gc.freeze()  # so that collections in its forks copy no pages
            while True:
                work = pickle.load(questions)  # noqa: S301 - written by the process that forked this one
                answers.write(_answer_of(partial(in_fork, work, owner=asked)))
                answers.flush()
    except (EOFError, BrokenPipeError):
        pass
    finally:
        os._exit(0)


def _answer_of(work: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps((work(), None))
    except (Exception, KeyboardInterrupt) as error:
        return _pickled(error)
    except BaseException as error:  # such as SystemExit, which would end the process that gets it
        return _pickled(HarnessError(f"{type(error).__name__}: {error}", where="sim"))
