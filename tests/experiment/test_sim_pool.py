"""A pool of processes answers whatever functions are named to it."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.experiment.sim_pool import SimPool
from harness.messages import Failed

pytestmark = pytest.mark.system


@dataclass(frozen=True)
class Count:
    """A question."""

    word: str


@dataclass(frozen=True)
class Counted:
    """Its answer."""

    letters: int
    by: int


def counted(asked: Count) -> Counted | Failed:
    """Answer it."""
    if asked.word == "death":
        os.kill(os.getpid(), signal.SIGKILL)
    return Counted(letters=len(asked.word), by=os.getpid()) if asked.word else Failed(problem="no word")


def test_a_process_answers_until_it_dies_and_is_replaced(tmp_path: Path) -> None:
    """Each question is the same process's; a dead one costs the question that it was at."""

    async def story() -> None:
        async with SimPool.start(1, tmp_path / "sim.log", counted) as pool:
            first, second = [await pool.ask(Count(word), Counted) for word in ("one", "three")]
            assert isinstance(first, Counted)
            assert second == Counted(letters=5, by=first.by)
            assert await pool.answer_or_why(Count(""), Counted) == "no word"
            with pytest.raises(HarnessError, match="SIGKILL"):
                await pool.ask(Count("death"), Counted)
            why = await pool.answer_or_why(Count("death"), Counted)
            assert isinstance(why, str)
            assert "SIGKILL" in why
            third = await pool.ask(Count("one"), Counted)
            assert isinstance(third, Counted)
            assert third.by != first.by

    asyncio.run(asyncio.wait_for(story(), 120))
