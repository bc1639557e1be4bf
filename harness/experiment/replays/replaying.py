"""Real outages against a chain: every way in which each may have been, in virtual time, and what it would have come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

from harness.chain import Chain
from harness.chain.home import AT_HOME, ChainHome
from harness.drivers.host import host
from harness.drivers.litellm_asked import version
from harness.drivers.litellm_prices import priced
from harness.engines import CountedProgress, Engine, Quiet
from harness.errors import UsageError
from harness.experiment.prepare import opened
from harness.experiment.replays.choosing import choose
from harness.experiment.replays.players import Play, Players
from harness.experiment.replays.playing_live import play_each, play_live
from harness.experiment.replays.staging import RATE, as_played, callers, cut_for, playable, together, why_missed
from harness.incident.numbers import OutageNumbers
from harness.incident.outage import Replayed, played_outage
from harness.incident.variants import Variant, hits, of_any_model, variants, worst


class _PlayedOutages(NamedTuple):
    """What came of the incidents that were played, by their place."""

    numbers: dict[int, list[OutageNumbers | str]]
    runs: dict[int, str]


def replay(
    path: Path,
    names: Sequence[str] = (),
    *,
    vendor: str | None = None,
    any_model: bool = False,
    since: datetime | None = None,
    rate: float = RATE,
    home: ChainHome = AT_HOME,
    engine: Engine = Engine.SIM,
    reports: Path = Path("reports"),
    command: str = "",
    processes: int | None = None,
    progress: CountedProgress | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Play incidents against a chain.

    Args:
        path: A chain file or a litellm-config.yaml.
        names: Of shipped incidents, or files; see `choose`.
        vendor: As for `choose`.
        any_model: Play what hit only other models than the chain asks for as if it had hit those.
        since: Only those that began later.
        rate: Requests per second.
        home: Where the chain is to run, in place of what its file says.
        engine: In virtual time, or on real parts: then each in one way alone, which takes as long as it takes.
        reports: Folder of all runs, for those on real parts.
        command: The command line that repeats it, for those.
        processes: How many at a time; one for each core if None.
        progress: Told how many runs are done, and how many there are.
        interrupted: Whether to end early; asked after each run.

    Raises:
        UsageError: A file is wrong, a name is unknown, or nothing but a live run can host the chain.
    """
    live = engine is Engine.LIVE
    if live and not names:
        hint = "name a few (harness replay --list), or play all of them in virtual time"
        raise UsageError("no incident is named, and live each takes minutes", where="--engine", hint=hint)
    progress = progress or Quiet()
    chain = as_played(priced(opened(path, home)))
    host(chain)
    if not live:
        playable(chain)
    load = callers(rate)
    cut = cut_for(chain, load)
    chosen = choose(names, vendor)
    groups = [group for group in together(chosen) if since is None or min(i.start for i in group.values()) >= since]
    if not groups and since is None:
        name, reason = next(iter(chosen.left_out.items()), ("the files", "they hold none"))
        raise UsageError(f"no incident could be made of {name}: {reason}", where=names[0] if names else None)
    if not groups:
        raise UsageError(
            "no incident began since then", where="--since", hint="harness replay --list shows when they were"
        )
    if any_model:
        groups = [
            group if hits(group, chain) else {name: of_any_model(each) for name, each in group.items()}
            for group in groups
        ]
    missed = dict.fromkeys(chosen.left_out, "that no incident could be made of")
    missed_at: dict[str, datetime] = {}
    jobs: list[tuple[int, Variant]] = []
    for place, group in enumerate(groups):
        found = hits(group, chain)
        if not found:
            missed.update(dict.fromkeys(group, why_missed(group, chain)))
            missed_at.update({name: incident.start for name, incident in group.items()})
            continue
        first = next(iter(group))
        every = variants(first, group[first].title, found, load, cut)
        jobs += [(place, variant) for variant in ([worst(every)] if live else every)]
    if live:
        plays = [Play(variant=variant, chain=chain) for _, variant in jobs]
        play_one = partial(play_live, reports=reports, progress=progress, command=command)
        done = _PlayedOutages({}, {})
        for (place, _), ended in zip(jobs, play_each(plays, play_one, progress, interrupted), strict=False):
            done.numbers[place] = [ended.numbers]
            if ended.run is not None:
                done.runs[place] = str(ended.run)
    else:
        done = _PlayedOutages(asyncio.run(_play_all(jobs, chain, processes, progress.count, interrupted)), {})
    outages = [played_outage(groups[place], chain, found) for place, found in sorted(done.numbers.items())]
    return Replayed(
        chain=chain,
        load=load,
        outages=tuple(
            sorted(
                outages,
                key=lambda outage: (
                    not outage.variants,
                    -outage.unserved_ns.high,
                    -outage.unserved_ns.most,
                    outage.start,
                ),
            )
        ),
        missed=missed,
        missed_at=missed_at,
        version=version(chain),
        interrupted=sum(map(len, done.numbers.values())) < len(jobs),
        runs={next(iter(groups[place])): run for place, run in done.runs.items()},
        live=live,
    )


async def _play_all(
    jobs: Sequence[tuple[int, Variant]],
    chain: Chain,
    processes: int | None,
    progress: Callable[[int, int], None],
    interrupted: Callable[[], bool],
) -> dict[int, list[OutageNumbers | str]]:
    """Play variants, and return their numbers, or why they have none, by the place of their incident."""
    found: dict[int, list[OutageNumbers | str]] = {}

    def done(number: int, numbers: OutageNumbers | str) -> None:
        found.setdefault(jobs[number][0], []).append(numbers)
        progress(sum(map(len, found.values())), len(jobs))

    async with Players.start(processes) as players:
        await players.play([Play(variant=variant, chain=chain) for _, variant in jobs], done, interrupted)
    return found
