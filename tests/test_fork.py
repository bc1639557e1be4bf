"""Work in forks: what comes back, what does not leak, and what a death costs."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from harness.errors import HarnessError, UsageError
from harness.fork import Forker, WorkingFork, in_fork, pristine

KEPT: list[int] = []


def remember(number: int) -> list[int]:
    """Change this process, and return what it holds now."""
    KEPT.append(number)
    return KEPT


def refuse() -> None:
    """Raise an error with all that it has to say."""
    raise UsageError("no", where="here", hint="try again")


def die() -> None:
    """End without an answer."""
    os.kill(os.getpid(), signal.SIGKILL)


class StubbornError(Exception):
    """Cannot be pickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def stumble() -> None:
    """Raise what no pipe carries."""
    raise StubbornError(1, 2)


def test_a_fork_leaves_nothing_behind() -> None:
    """Each begins as its parent is."""
    assert [in_fork(partial(remember, number)) for number in (1, 2)] == [[1], [2]]
    assert KEPT == []


def test_a_fork_ends_with_whoever_waits_for_its_answer() -> None:
    """A run may never end by itself, and nobody would be left to end it."""
    owner, runner = os.pipe()
    os.close(runner)
    with pytest.raises(HarnessError, match="nobody waits"):
        in_fork(signal.pause, owner=owner)
    os.close(owner)


def test_a_fork_reads_none_of_its_parents_messages() -> None:
    """A chain may ask for input, and nobody is there to answer."""
    reading, writing = os.pipe()
    os.write(writing, b"message")
    own = os.dup(0)
    os.dup2(reading, 0)
    try:
        assert in_fork(partial(os.read, 0, 7)) == b""
    finally:
        os.dup2(own, 0)
        for descriptor in (own, reading, writing):
            os.close(descriptor)


def begin_badly() -> None:
    """Do what a library may do when it is imported."""
    raise SystemExit(3)


def test_a_process_to_fork_from_begins_with_some_work() -> None:
    """If that fails, there is no such process."""
    forker = Forker.start(partial(remember, 5))
    try:
        assert [forker.run(remember, number) for number in (6, 7)] == [[5, 6], [5, 7]]
        assert KEPT == []
    finally:
        forker.close()
    with pytest.raises(HarnessError, match="SystemExit: 3"):
        Forker.start(begin_badly)


def test_processes_to_fork_from_end_one_by_one() -> None:
    """None holds up another one, even if a fork of it never ends."""
    first, second = Forker.start(), Forker.start()
    owner, runner = os.pipe()
    os.close(runner)
    with pytest.raises(HarnessError, match="nobody waits"):
        first.run(signal.pause, owner=owner)
    os.close(owner)
    for forker in (first, second):
        forker.close()
        with pytest.raises(ChildProcessError):
            os.waitpid(forker.pid, os.WNOHANG)


def test_a_clean_process_stays_as_it_was_made() -> None:
    """Whatever its maker does later."""
    with pristine() as clean:
        remember(7)
        try:
            assert clean.run(remember, 8) == [8]
            assert clean.run(remember, number=9) == [9]
        finally:
            KEPT.clear()
    with pytest.raises(ChildProcessError):
        os.waitpid(clean.pid, os.WNOHANG)


def test_errors_come_back_as_they_were() -> None:
    """With place and hint; one that cannot be sent back is described in words."""
    for run in (in_fork, None):
        with pristine() as clean:
            ask = run or clean.run
            with pytest.raises(UsageError, match="no") as refused:
                ask(refuse)
            assert (refused.value.where, refused.value.hint) == ("here", "try again")
            with pytest.raises(HarnessError, match="StubbornError: 1 and 2"):
                ask(stumble)


def test_a_death_is_named_and_costs_nothing_else() -> None:
    """The next call gets an answer."""
    with pristine() as clean:
        for ask in (in_fork, clean.run):
            with pytest.raises(HarnessError, match="SIGKILL"):
                ask(die)
            assert ask(os.getpid) != os.getpid()


def test_both_work_at_once() -> None:
    """What the parent does meanwhile is not in the fork, and the answer waits for it."""
    with WorkingFork(partial(remember, 1)) as fork:
        KEPT.append(7)
        assert fork.result() == [1]
    KEPT.clear()


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list of the processes that this one forks."""
    found: list[int] = []
    fork = os.fork

    def noted() -> int:
        found.append(fork())
        return found[-1]

    monkeypatch.setattr(os, "fork", noted)
    return found


def test_a_fork_that_nobody_asks_is_killed(forked: list[int]) -> None:
    """Whatever the parent stumbled over meanwhile."""
    with pytest.raises(StubbornError), WorkingFork(signal.pause):
        stumble()
    (child,) = forked
    with pytest.raises(ChildProcessError):
        os.waitpid(child, os.WNOHANG)


def test_an_interrupted_caller_leaves_no_fork(forked: list[int]) -> None:
    """Ctrl-C while it waits ends the fork too."""
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            in_fork(partial(time.sleep, 60))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    with pytest.raises(ChildProcessError):
        os.waitpid(forked[0], os.WNOHANG)
