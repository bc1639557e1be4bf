"""Virtual time."""

import asyncio
import operator
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime

import pytest

from harness.sim import clock as clock_module
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


@pytest.fixture
def native() -> Iterator[Callable[[], Awaitable[int]]]:
    """Give what compiled code does: it makes a future, and a thread of its own completes it."""
    begun: queue.SimpleQueue[asyncio.Future[int] | None] = queue.SimpleQueue()
    make = operator.methodcaller("create_future")  # no Python code has that name

    def complete() -> None:
        while future := begun.get():
            future.get_loop().call_soon_threadsafe(future.set_result, 1)

    def begin() -> Awaitable[int]:
        future: asyncio.Future[int] = make(asyncio.get_running_loop())
        begun.put(future)
        return future

    thread = threading.Thread(target=complete)
    thread.start()
    yield begin
    begun.put(None)
    thread.join()


def test_compiled_code_works_in_no_time(native: Callable[[], Awaitable[int]]) -> None:
    """The clock stands still until its thread is done, each time, though others sleep and a timeout is set."""

    async def main(clock: Clock) -> tuple[int, int]:
        sleeper = asyncio.create_task(asyncio.sleep(1))
        async with asyncio.timeout(2):
            done = sum([await native() for _ in range(50)])
        passed_ns = clock.now_ns
        await sleeper
        return done, passed_ns

    assert run(main) == (50, 0)


def test_a_cancelled_wait_for_compiled_code_is_none() -> None:
    """Nothing completes a future that its caller has given up, and nothing waits for it."""
    make = operator.methodcaller("create_future")

    async def main(clock: Clock) -> int:
        make(asyncio.get_running_loop()).cancel()
        await asyncio.sleep(3)
        return clock.now_ns

    assert run(main) == 3 * 10**9


@pytest.mark.parametrize("others_s", [1, None])
def test_compiled_code_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch, others_s: int | None) -> None:
    """The run ends, whether or not something else could happen, and the error names what waits."""
    monkeypatch.setattr(clock_module, "NATIVE_WAIT_S", 0.01)
    make = operator.methodcaller("create_future")

    async def forever() -> None:
        await make(asyncio.get_running_loop())

    async def main(_clock: Clock) -> None:
        waits = asyncio.create_task(forever(), name="the compiled one")
        await asyncio.wait([waits], timeout=others_s)

    with pytest.raises(UnrealError, match=r"compiled code did not complete.*0\.01 real seconds.*the compiled one"):
        run(main)
