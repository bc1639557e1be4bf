"""Waiting: until a time, until something is true, and for clean-up work that must not be cut short."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

POLL_S = 0.02


async def sleep_until(at_ns: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
    """Return at a time of the monotonic clock, or at once if it has passed."""
    await asyncio.sleep(max(0, at_ns - clock_ns()) / 1e9)


async def poll(check: Callable[[], Awaitable[bool]], *, timeout_s: float | None = None) -> bool:
    """Return True once `check` does, False if it does not in time.

    Args:
        check: Called every 20 ms or so; must be bounded in time.
        timeout_s: How long it may take; None waits as long as it takes.
    """
    deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
    while not await check():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(POLL_S)
    return True


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await clean-up work to its end, however often we are cancelled meanwhile; pass the cancellation on afterwards.

    The work itself must be bounded in time.
    """
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled from (None if task.cancelled() else task.exception())
    return task.result()
