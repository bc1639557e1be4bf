"""Search a space on a cluster: each worker searches all of it, each with a seed of its own."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.experiment.cluster.client import Cluster, ClusterWorker, LostError
from harness.experiment.cluster.messages import Searched, SearchNews, SearchSpace
from harness.experiment.cluster.shipping import distributions, shipped
from harness.experiment.searching import Confirmed, SearchCounts
from harness.lines import read, write
from harness.messages import Refused
from harness.waiting import POLL_S

if TYPE_CHECKING:
    from harness.sim.search import Space


def search_on(
    scheduler: str,
    space: Space,
    properties: Sequence[str],
    *,
    seed: int,
    budget_s: float,
    over: Callable[[int, int], bool],
    found: Callable[[Confirmed], None],
    say: Callable[[str], None],
) -> tuple[SearchCounts, tuple[str, ...]]:
    """Search on all workers of a scheduler at once; return what they tried together, and what is missing, in sentences.

    Of what several find to break a property, the smallest counts. All find it with the same space and so the same plans.

    Args:
        scheduler: Its address.
        space: What is searched.
        properties: Names of those to break.
        seed: Of the first worker's search; each further one has the next.
        budget_s: How long each searches, in seconds.
        over: Whether to end before that; asked several times a second, with the number of runs and of finds so far.
        found: Called with each find.
        say: Shows one thing worth knowing.

    Raises:
        UsageError: The extra is not installed, this is no address, or the chain cannot be sent there.
        HarnessError: There is no scheduler, no worker that can be used, or all of them were lost.
    """
    there = dataclasses.replace(space, chain=shipped(space.chain))
    searches = _Searches(there, tuple(properties), seed=seed, budget_s=budget_s, over=over)
    asyncio.run(searches.run(scheduler, distributions(space.chain), say))
    for each in searches.smallest():
        found(each)
    return searches.together(), tuple(searches.missing)


class _Searches:
    """The searches of one command."""

    def __init__(
        self,
        space: Space,
        properties: tuple[str, ...],
        *,
        seed: int,
        budget_s: float,
        over: Callable[[int, int], bool],
    ) -> None:
        self.missing: list[str] = []
        self._space = space
        self._properties = properties
        self._seed = seed
        self._budget_s = budget_s
        self._over = over
        self._tried: dict[int, int] = {}
        self._found: list[Confirmed] = []
        self._counts: list[SearchCounts] = []
        self._losses: list[HarnessError] = []

    async def run(self, scheduler: str, names: Sequence[str], say: Callable[[str], None]) -> None:
        """Have all workers search to their end, or until that is over."""
        async with Cluster.connected(scheduler, names, say=say) as cluster:
            cluster.client.subscribe_topic(cluster.session, self._hear)
            searching = [
                asyncio.create_task(self._one(cluster, each, self._seed + place))
                for place, each in enumerate(sorted(cluster.workers.values(), key=lambda each: each.address))
            ]
            under_way = {*searching}
            try:
                while under_way and not self._over(sum(self._tried.values()), len(self.smallest())):
                    ended, under_way = await asyncio.wait(
                        under_way, timeout=POLL_S, return_when=asyncio.FIRST_EXCEPTION
                    )
                    for each in ended:
                        each.result()
            finally:
                for each in under_way:
                    each.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)
        if self._losses and not self._counts:
            raise self._losses[0]

    def smallest(self) -> list[Confirmed]:
        """Return the smallest find for each property, in the order in which the properties were asked for."""
        best: dict[str, Confirmed] = {}
        for each in sorted(self._found, key=lambda each: each.find.schedule.size):
            best.setdefault(each.find.name, each)
        return [best[name] for name in self._properties if name in best]

    def together(self) -> SearchCounts:
        """Return what all of them tried."""
        untried = [set(each.untried) for each in self._counts]
        return SearchCounts(
            tried=sum(self._tried.values()),
            retracted=sum(each.retracted for each in self._counts),
            lucky=sum(each.lucky for each in self._counts),
            streamed=sum(each.streamed for each in self._counts),
            untried=tuple(pair for pair in self._space.pairs() if untried and all(pair in each for each in untried)),
        )

    async def _one(self, cluster: Cluster, at: ClusterWorker, seed: int) -> None:
        message = SearchSpace(space=self._space, properties=self._properties, seed=seed, budget_s=self._budget_s)
        try:
            answer = read(await cluster.on(at, "search", write(message)), Searched, Refused)
        except LostError as loss:
            self._losses.append(loss)
            self.missing.append(f"{at.address} was lost, and with it the rest of the search with seed {seed}")
            return
        if isinstance(answer, Refused):
            raise answer.error()
        self._tried[seed] = answer.counts.tried
        self._counts.append(answer.counts)
        self._found += answer.found

    def _hear(self, event: tuple[float, str]) -> None:
        news = read(event[1].encode(), SearchNews)
        self._tried[news.seed] = max(news.tried, self._tried.get(news.seed, 0))
        self._found += [] if news.found is None else [news.found]
