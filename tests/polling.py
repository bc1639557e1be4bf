"""Waiting for what happens outside of a test: a file, a process, a port."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 60.0
"""How long a test waits for what has to happen; the machine may be busy."""
_EVERY_S = 0.01


def until(
    condition: Callable[[], Any], *, within_s: float = PATIENCE_S, every_s: float = _EVERY_S, what: str = ""
) -> Any:
    """Return the first true value of a condition.

    Args:
        condition: Called again and again.
        within_s: How long to wait for it.
        every_s: How long to wait between two calls.
        what: What is waited for, for the message.

    Raises:
        AssertionError: It was not true in time.
    """
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or condition}"
        time.sleep(every_s)
    return found


async def until_async(condition: Callable[[], Any]) -> Any:
    """Return the first true value of a condition, while the event loop goes on.

    Raises:
        TimeoutError: It was not true in time.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not (found := condition()):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(_EVERY_S / 2)
    return found
