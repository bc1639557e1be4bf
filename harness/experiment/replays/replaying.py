"""Real outages against a chain: every way in which each may have been, in virtual time, and what it would have come to."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.drivers.host import host
from harness.drivers.litellm_prices import priced
from harness.errors import HarnessError, UsageError
from harness.experiment.prepare import opened
from harness.experiment.replays.choosing import ChosenIncidents, choose
from harness.experiment.replays.playing import Played, PlayPlan
from harness.experiment.sim_run import simulable
from harness.experiment.suites.sim_pool import SimPool
from harness.incident.cutting import Cut
from harness.incident.numbers import OutageNumbers
from harness.incident.outage import Replayed, played_outage
from harness.incident.schema import Incident
from harness.incident.variants import Variant, hits, variants
from harness.messages import Failed
from harness.provider.dialects import vendor_of
from harness.scenario import compile_plan
from harness.scenario.schema import Load

RATE = 2.0
"""Requests per second."""
DEADLINE_NS = 30 * 10**9
SAMPLE_NS = 120 * 10**9
_COOLDOWNS = 3
_COOLDOWN_LEAST_NS = 5 * 10**9


def replay(
    path: Path,
    names: Sequence[str] = (),
    *,
    vendor: str | None = None,
    since: datetime | None = None,
    rate: float = RATE,
    home: ChainHome = AT_HOME,
    processes: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Play incidents against a chain.

    Args:
        path: A chain file or a litellm-config.yaml.
        names: Of shipped incidents, or files; see `choose`.
        vendor: As for `choose`.
        since: Only those that began later.
        rate: Requests per second.
        home: Where the chain is to run, in place of what its file says.
        processes: How many at a time; one for each core if None.
        progress: Called with how many runs are done, and how many there are.
        interrupted: Whether to end early; asked after each run.

    Raises:
        UsageError: A file is wrong, a name is unknown, or nothing but a live run can host the chain.
    """
    chain = priced(opened(path, home))
    host(chain)
    simulable(chain)
    load = Load(rate=rate, deadline=DEADLINE_NS)
    cut = _cut(chain, load)
    chosen = choose(names, vendor)
    groups = [group for group in _together(chosen) if since is None or min(i.start for i in group.values()) >= since]
    if not groups:
        raise UsageError(
            "no incident began since then", where="--since", hint="harness replay --list shows when they were"
        )
    missed = dict.fromkeys(chosen.left_out, "that no incident could be made of")
    jobs: list[tuple[int, Variant]] = []
    for place, group in enumerate(groups):
        found = hits(group, chain)
        if not found:
            missed.update(dict.fromkeys(group, _why_missed(group, chain)))
            continue
        first = next(iter(group))
        jobs += [(place, variant) for variant in variants(first, group[first].title, found, load, cut)]
    done = asyncio.run(_play_all(jobs, chain, processes or os.cpu_count() or 1, progress, interrupted))
    outages = [played_outage(groups[place], chain, found) for place, found in sorted(done.items())]
    return Replayed(
        chain=chain,
        load=load,
        outages=tuple(
            sorted(outages, key=lambda outage: (-outage.unserved_ns.high, -outage.unserved_ns.most, outage.start))
        ),
        missed=missed,
        interrupted=sum(map(len, done.values())) < len(jobs),
    )


def _cut(chain: Chain, load: Load) -> Cut:
    """Return how much is played between two edges: a few of the chain's longest cooldowns, and as long as a request may take."""
    cooldown_ns = max([_COOLDOWN_LEAST_NS, *driver_of(chain).facts(chain).cooldown_ns.values()])
    return Cut(settle=_COOLDOWNS * cooldown_ns + load.deadline, sample=SAMPLE_NS, tail=load.deadline)


def _together(chosen: ChosenIncidents) -> list[dict[str, Incident]]:
    """Return the incidents that are played together, in groups: those that name each other, though only one was chosen."""
    groups: list[dict[str, Incident]] = []
    placed: set[str] = set()
    for name in chosen.incidents:
        if name in placed:
            continue
        group: dict[str, Incident] = {}
        waiting = [(name, name)]
        while waiting:
            of, each = waiting.pop()
            if each not in group:
                group[each] = chosen.companion(of, each)
                waiting += [(each, other) for other in group[each].with_]
        placed.update(group)
        groups.append(dict(sorted(group.items(), key=lambda item: item[1].start)))
    return groups


def _why_missed(group: Mapping[str, Incident], chain: Chain) -> str:
    """Return why incidents hit no provider of a chain, in words that follow their number."""
    windows = [window for incident in group.values() for window in incident.windows]
    if not any(window.inject for window in windows):
        return "that no fault can play"
    vendors = {vendor_of(provider) for provider in chain.providers.values()}
    if any(not vendors.isdisjoint(window.on) for window in windows):
        return "of models that the chain does not ask for"
    return "of vendors that the chain does not have"


async def _play_all(
    jobs: Sequence[tuple[int, Variant]],
    chain: Chain,
    processes: int,
    progress: Callable[[int, int], None],
    interrupted: Callable[[], bool],
) -> dict[int, list[OutageNumbers | str]]:
    """Play variants, and return their numbers, or why they have none, by the place of their incident."""
    done: dict[int, list[OutageNumbers | str]] = {}
    count = 0

    async def play(place: int, variant: Variant) -> None:
        nonlocal count
        if interrupted():
            return
        plan = compile_plan(variant.scenario, chain, ())
        numbers: OutageNumbers | str
        try:
            answer = await pool.ask(PlayPlan(plan=plan, parts=variant.parts, chain=chain), Played)
            numbers = answer.problem if isinstance(answer, Failed) else answer.numbers
        except (HarnessError, TimeoutError) as error:
            numbers = str(error) or "took too long"
        done.setdefault(place, []).append(numbers)
        count += 1
        progress(count, len(jobs))

    with tempfile.TemporaryDirectory(prefix="harness-replay-") as folder:
        async with SimPool.start(processes, Path(folder) / "sim.log") as pool:
            waiting = iter(jobs)

            async def work() -> None:
                for place, variant in waiting:
                    await play(place, variant)

            await asyncio.gather(*(work() for _ in range(processes)))
    return done
