"""Watch the requests of a live run for the condition that aborts it."""

from __future__ import annotations

import asyncio
import time

from harness.history.records import Aborted, RequestRecord
from harness.scenario import Plan
from harness.scenario.abort import AbortWatch
from harness.store import Capture
from harness.watch.tail import Tail


async def aborted(plan: Plan, capture: Capture, *, origin_ns: int) -> str:
    """Return, as soon as the scenario wants the run aborted, what was measured; it is recorded. Else there is no return.

    Requests are on the disk 50 ms after their end, and are read 100 ms later.

    Args:
        plan: The run's.
        capture: Of the runner; the files of the other processes are beside it.
        origin_ns: The run's origin, in monotonic nanoseconds.

    Raises:
        UsageError: What a process has written is no row; so too OSError.
    """
    if plan.abort is None:
        await asyncio.get_running_loop().create_future()
        raise AssertionError
    watch = AbortWatch(plan.abort, origin_ns=origin_ns)
    with Tail(capture.path.parent, (RequestRecord,)) as tail:
        async for rows in tail.follow():
            for row in rows:
                if isinstance(row, RequestRecord) and (found := watch.add(row)) is not None:
                    capture.put(Aborted(at_ns=time.monotonic_ns(), found=found))
                    return found
    raise AssertionError  # the tail has no end
