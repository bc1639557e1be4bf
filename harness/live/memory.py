"""How much memory a program of the user's needs: it writes no health records itself."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from pathlib import Path

from harness.history.records import GATEWAY, HealthRecord

EVERY_S = 1.0
"""How often it is looked at: all processes of the system are."""
_PROC = Path("/proc")


async def watch_memory(group: int, put: Callable[[HealthRecord], None]) -> None:
    """Write a health record of a program each second, until cancelled; none where the system has no /proc.

    Args:
        group: Its process group.
        put: Takes the records.
    """
    while True:
        most = await asyncio.to_thread(largest_bytes, group)
        if most is not None:
            put(HealthRecord(process=GATEWAY, at_ns=time.monotonic_ns(), loop_lag_ns=0, cpu_ns=0, resident_bytes=most))
        await asyncio.sleep(EVERY_S)


def largest_bytes(group: int) -> int | None:
    """Return the resident memory of the largest process of a group; None if it has none."""
    found = (_resident_bytes(path, group) for path in _PROC.glob("[0-9]*/stat"))
    return max(filter(None, found), default=None)


def _resident_bytes(stat: Path, group: int) -> int | None:
    """Return the resident memory of a process, by its /proc/PID/stat; None if it is of another group, or gone."""
    try:
        text = stat.read_bytes()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # the name before may hold spaces; the state is the first after it
    return int(fields[21]) * resource.getpagesize() if int(fields[2]) == group else None
