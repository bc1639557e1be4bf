"""Variants of incidents, each on a chain, side by side in processes that simulate."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.chain import Chain
from harness.experiment.replays.playing import Played, PlayPlan, played
from harness.experiment.sim_pool import SimPool
from harness.incident.numbers import OutageNumbers
from harness.incident.variants import Variant
from harness.scenario import compile_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One variant on one chain.

    Attributes:
        variant: The incident, as it may have been.
        chain: The chain, with its secrets.
    """

    variant: Variant
    chain: Chain = field(repr=False)


class Players:
    """Processes that play variants.

    Args:
        pool: The processes, which answer `PlayPlan`.
        processes: How many there are.
    """

    def __init__(self, pool: SimPool, processes: int) -> None:
        self._pool = pool
        self._processes = processes

    @classmethod
    @asynccontextmanager
    async def start(cls, processes: int | None = None) -> AsyncIterator[Players]:
        """Have them at hand, one for each core if no number is given; leaving ends them."""
        processes = processes or os.cpu_count() or 1
        with tempfile.TemporaryDirectory(prefix="harness-replay-") as folder:
            async with SimPool.start(processes, Path(folder) / "sim.log", played) as pool:
                yield cls(pool, processes)

    async def play(
        self,
        plays: Sequence[Play],
        done: Callable[[int, OutageNumbers | str], None],
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """Play all of them.

        Args:
            plays: In the order in which they begin.
            done: Called with the place of each as it ends, and its numbers, or why it has none.
            interrupted: Whether to begin no more of them.
        """
        waiting = iter(enumerate(plays))
        await asyncio.gather(*(self._work(waiting, done, interrupted) for _ in range(self._processes)))

    async def _work(
        self,
        waiting: Iterable[tuple[int, Play]],
        done: Callable[[int, OutageNumbers | str], None],
        interrupted: Callable[[], bool],
    ) -> None:
        for place, play in waiting:
            if interrupted():
                return
            done(place, await self._played(play))

    async def _played(self, play: Play) -> OutageNumbers | str:
        plan = compile_plan(play.variant.scenario, play.chain, ())
        question = PlayPlan(plan=plan, parts=play.variant.parts, chain=play.chain)
        answer = await self._pool.answer_or_why(question, Played)
        return answer if isinstance(answer, str) else answer.numbers
