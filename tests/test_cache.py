"""Folders of the cache: each is made once, whatever becomes of those who make it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.cache import made, remove_unused
from harness.fork import _fork


def fill(target: Path) -> None:
    """Make what is asked for."""
    target.mkdir()
    (target / "file").write_text("x")


def in_child(work: Callable[[], object]) -> int:
    """Start something in a fork of its own, and return its number."""
    pid = _fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


@pytest.fixture
def builder(tmp_path: Path) -> int:
    """Give a process that is in the middle of making the folder `one`."""
    reading, writing = os.pipe()

    def make(target: Path) -> None:
        fill(target)
        os.write(writing, b"x")
        signal.pause()

    pid = in_child(lambda: made(tmp_path / "all" / "one", make, waiting=pytest.fail))
    os.read(reading, 1)
    os.close(reading)
    os.close(writing)
    return pid


def unfinished(tmp_path: Path) -> int:
    """Return how many folders are half made."""
    return len(list((tmp_path / "all").glob("get-*")))


def test_what_a_killed_builder_leaves_is_removed(tmp_path: Path, builder: int) -> None:
    """By whoever makes something next, and not while the builder lives."""
    made(tmp_path / "all" / "two", fill, waiting=pytest.fail)
    assert unfinished(tmp_path) == 1
    os.kill(builder, signal.SIGKILL)
    os.waitpid(builder, 0)
    made(tmp_path / "all" / "three", fill, waiting=pytest.fail)
    assert unfinished(tmp_path) == 0
    assert (made(tmp_path / "all" / "one", fill, waiting=pytest.fail) / "file").read_text() == "x"


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    """And the next one who asks makes it."""

    def fail(target: Path) -> None:
        fill(target)
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        made(tmp_path / "all" / "one", fail, waiting=pytest.fail)
    assert unfinished(tmp_path) == 0
    assert made(tmp_path / "all" / "one", fill, waiting=pytest.fail).is_dir()


def test_what_nobody_uses_any_more_is_removed(tmp_path: Path) -> None:
    """A folder that is asked for again is used."""
    folders = [made(tmp_path / "all" / name, fill, waiting=pytest.fail) for name in ("one", "two", "three")]
    for folder in folders[:2]:
        os.utime(folder / "used", (time.time() - 1000,) * 2)
    made(folders[0], fill, waiting=pytest.fail)
    remove_unused(tmp_path / "all", since_s=500)
    assert [folder.is_dir() for folder in folders] == [True, False, True]
    assert unfinished(tmp_path) == 0
