"""Waiting, and clean-up work that nothing cuts short."""

import asyncio

import pytest

from harness.waiting import poll, sleep_until, to_the_end


@pytest.mark.parametrize(("answers", "found"), [([True], True), ([False, False, True], True), ([False] * 9, False)])
def test_a_condition_is_asked_until_it_holds_or_time_is_over(answers: list[bool], found: bool) -> None:
    """Once more than the last time that it did not hold; then it is too late."""
    left = iter(answers)

    async def check() -> bool:
        return next(left)

    assert asyncio.run(poll(check, timeout_s=60 if found else 0)) is found


def test_a_time_that_has_passed_is_no_reason_to_wait() -> None:
    """A runner that is late goes on at once."""
    asyncio.run(asyncio.wait_for(sleep_until(5, lambda: 10**18), 60))


async def test_clean_up_is_done_though_cancelled() -> None:
    """Work that must be done is awaited to its end; then the cancellation goes on."""
    steps: list[str] = []

    async def clean_up() -> None:
        steps.append("begun")
        await asyncio.sleep(0.05)
        steps.append("done")

    task = asyncio.create_task(to_the_end(clean_up()))
    for _ in range(3):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["begun", "done"]


def test_result_and_error_of_clean_up_come_through() -> None:
    """Without a cancellation it is as if the work had been awaited."""

    async def value() -> int:
        return 3

    async def fails() -> None:
        raise KeyError("x")

    assert asyncio.run(to_the_end(value())) == 3
    with pytest.raises(KeyError):
        asyncio.run(to_the_end(fails()))
