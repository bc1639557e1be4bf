"""The open model: every arrival goes out at its planned time, whatever became of those before it.

Locust's own wait times are pauses of one sequential user, and hide a stall from the statistics (coordinated omission).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.pool import Pool

from harness.live.load.caller import Caller, PlannedCall
from harness.messages import LoadStart

SPIN_NS = 1_000_000
"""How long before an arrival the dispatcher wakes up at most: the event loop's timers are a millisecond coarse."""
SPINS_PER_GAP = 10
"""Of the time since the arrival before, it waits awake for a tenth at most: where many come, that would cost more than the calls.
Workers that share a load share the tenth, too. Without it, they cost no less on a busy machine, and were twice as late."""


def drive(start: LoadStart, caller: Caller, origin_ns: int, fail: Callable[[BaseException], None]) -> None:
    """Send all arrivals and return when the last of them has ended.

    Args:
        start: The start message.
        caller: Sends one request; called in a greenlet for each.
        origin_ns: When the run's clock begins, in absolute monotonic nanoseconds; arrivals before now go out at once.
        fail: Told of an exception in a caller's greenlet, which is the harness's own fault.
    """
    pool = Pool(start.pool)
    before_ns = 0
    try:
        for arrival in start.arrivals:
            if arrival.after is not None:
                continue
            at_ns = origin_ns + arrival.scheduled_ns
            call = PlannedCall(
                request_id=arrival.request_id,
                phase=arrival.phase,
                scheduled_ns=at_ns,
                deadline_ns=at_ns + start.load.deadline,
                streaming=arrival.streaming,
                part=arrival.part,
                caller=arrival.caller,
                line=arrival.line,
                prompt_tokens=arrival.prompt_tokens,
                max_tokens=arrival.max_tokens,
            )
            _wait_until(at_ns, spin_ns=min(SPIN_NS, (at_ns - before_ns) // (SPINS_PER_GAP * start.workers)))
            before_ns = at_ns
            if pool.full():
                caller.drop(call, f"{start.pool} requests were in flight already")
            else:
                pool.spawn(caller.converse, call, origin_ns).link_exception(lambda greenlet: fail(greenlet.exception))
        pool.join()
    finally:
        pool.kill(block=False)


def _wait_until(at_ns: int, *, spin_ns: int) -> None:
    """Return at a time, never before it. Others run at least once, so that late arrivals do not starve the early."""
    left_ns = at_ns - time.monotonic_ns()
    gevent.sleep(max(0, left_ns - spin_ns) / 1e9)
    while time.monotonic_ns() < at_ns:
        gevent.sleep(0)
