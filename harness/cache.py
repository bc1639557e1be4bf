"""The folder of what the harness fetched or built for later runs, and the lock that makes one of two builders wait."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_PREFIX = "get-"
"""Begins the name of a folder that is being filled."""
_USED = "used"


def cache_folder() -> Path:
    """Return the folder; it is made if there is none."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    folder = (base if base.is_absolute() else Path.home() / ".cache") / "llm-fallback-harness"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def alone(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time do something; the system takes the lock from a process that dies.

    Args:
        lock: A file.
        waiting: Called if another process is at it.
    """
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made(folder: Path, make: Callable[[Path], None], *, waiting: Callable[[], None]) -> Path:
    """Return a folder of the cache and note that it is used; the first who asks for it makes it, others wait meanwhile.

    Args:
        folder: Where it is to be. What killed builders left beside it is removed.
        make: Makes it somewhere else; it is moved once it is complete.
        waiting: Called if another process is making it.
    """
    if not folder.is_dir():
        folder.parent.mkdir(exist_ok=True)
        _remove_unfinished(folder.parent)
        with alone(_lock(folder), waiting):
            if not folder.is_dir():
                with tempfile.TemporaryDirectory(
                    dir=folder.parent, prefix=f"{_PREFIX}{folder.name}-", ignore_cleanup_errors=True
                ) as unfinished:
                    target = Path(unfinished) / folder.name
                    make(target)
                    (target / _USED).touch()
                    target.rename(folder)
    (folder / _USED).touch()
    return folder


def used_s(folder: Path) -> float:
    """Return when a folder of the cache was last used, in seconds since 1970.

    Raises:
        FileNotFoundError: It is being removed.
    """
    return (folder / _USED).stat().st_mtime


def remove(folder: Path) -> None:
    """Remove a folder of the cache, so that no one else finds a part of it."""
    gone = folder.with_name(f"{_PREFIX}{folder.name}-{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def remove_unused(folders: Path, *, since_s: float) -> None:
    """Remove the folders in one of the cache that were not used for some seconds."""
    for marker in folders.glob(f"*/{_USED}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - used_s(marker.parent) > since_s:
                remove(marker.parent)


def _remove_unfinished(folders: Path) -> None:
    """Remove what killed builders left: the lock of a living one is taken."""
    for left in folders.glob(f"{_PREFIX}*"):
        lock = _lock(folders / left.name.removeprefix(_PREFIX).rpartition("-")[0])
        with lock.open("w") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def _lock(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
