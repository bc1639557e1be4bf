"""What a worker of a cluster does in a test, in place of a simulation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


async def busy(_session: str, folder: str) -> int:
    """Never end on the worker that comes first, which leaves its number in a file; on another, return its own."""
    try:
        with (Path(folder) / "first").open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return os.getpid()
    await asyncio.Event().wait()
    raise AssertionError


async def end(_session: str) -> None:
    """End nothing."""
