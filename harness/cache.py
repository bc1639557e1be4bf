"""The folder of what the harness fetched or built for later runs, and the lock that makes one of two builders wait."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path


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
