"""Virtual time."""

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest

from harness.sim.clock import EPOCH_S, Clock, UnrealError, run


def test_an_hour_passes_in_no_time() -> None:
    """Whoever sleeps wakes up at the right moment, by the loop's clock and by the wall's."""

    async def main(clock: Clock) -> tuple[int, float, float]:
        await asyncio.sleep(3600)
        return clock.now_ns, time.time(), datetime.now(UTC).timestamp()

    assert run(main) == (3600 * 10**9, EPOCH_S + 3600, EPOCH_S + 3600)


def test_tasks_wake_in_the_order_of_their_times() -> None:
    """Many sleepers are woken in order, and at their own nanosecond."""
    woken: list[tuple[int, int]] = []

    async def sleeper(clock: Clock, ms: int) -> None:
        await asyncio.sleep(ms / 1000)
        woken.append((ms, clock.now_ns))

    async def main(clock: Clock) -> None:
        await asyncio.gather(*(sleeper(clock, ms) for ms in (30, 10, 20, 1, 999)))

    run(main)
    assert [ms for ms, _ in woken] == [1, 10, 20, 30, 999]
    assert all(abs(at - ms * 10**6) <= 1 for ms, at in woken)


def test_a_timeout_ends_a_wait() -> None:
    """What never comes is given up at its time."""

    async def main(clock: Clock) -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7):
                await asyncio.Event().wait()
        return clock.now_ns

    assert run(main) == 7 * 10**9


def test_a_thread_s_work_is_done_on_the_spot() -> None:
    """What would go to a pool of threads happens at once, and fails as it would there."""

    async def main(_clock: Clock) -> str:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert run(main) == threading.main_thread().name


def test_a_deadlock_is_named() -> None:
    """If nothing can ever happen again, the error names what waits."""

    async def main(_clock: Clock) -> None:
        await asyncio.create_task(asyncio.Event().wait(), name="the patient one")

    with pytest.raises(UnrealError, match=r"deadlock.*the patient one"):
        run(main)
