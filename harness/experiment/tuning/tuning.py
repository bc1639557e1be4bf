"""Search the settings of a chain for those with which real outages would have cost the least, and see that they hold on others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import harness
from harness.drivers.host import host
from harness.drivers.litellm_asked import version
from harness.engines import CountedProgress, Quiet
from harness.errors import UsageError
from harness.experiment.replays.players import Players
from harness.experiment.replays.playing_live import play_live
from harness.experiment.replays.staging import callers, playable
from harness.experiment.tuning.candidates import tunable
from harness.experiment.tuning.outages import outages
from harness.experiment.tuning.proving import Point, points, proved
from harness.experiment.tuning.trials import Trials
from harness.experiment.tuning.tuner import ROUGH, TuneOptions, Tuner
from harness.extras import LIVE, TUNE
from harness.incident.tuned import Tuned
from harness.store import TuningFolder


def tune(
    path: Path,
    reports: Path,
    options: TuneOptions,
    *,
    progress: CountedProgress | None = None,
    command: str = "",
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[Tuned, TuningFolder]:
    """Tune a chain; return what was found, and the folder that it is kept in.

    A tuning that was stopped and is asked for again goes on: what was tried is in the folder.

    Args:
        path: A chain file or a litellm-config.yaml.
        reports: The folder of all runs.
        options: How.
        progress: Told what is being done, how many runs of it are done, and how many there are.
        command: The command line that repeats it.
        interrupted: Whether to end early; asked after each run.

    Raises:
        UsageError: A file is wrong, no incident hits the chain, or nothing of it can be set or simulated.
    """
    TUNE.need()
    if options.prove:
        LIVE.need()
    progress = progress or Quiet()
    of = tunable(path, options.home)
    host(of.chain)
    playable(of.chain)
    groups, missed = outages(options.against, of.chain, path, options.home)
    if not groups:
        raise UsageError("no incident hits this chain", where=str(path), hint="harness replay CHAIN says why not")
    context = json.dumps([harness.__version__, version(of.chain), options.rate, options.deadline_ns])
    question = json.dumps([context, str(of.path), of.raw.decode("utf-8", "replace"), list(groups), options.seed])
    folder = TuningFolder.of_question(reports, question)

    async def all_of_it() -> tuple[Tuned, list[Point]]:
        async with Players.start(options.processes) as players:
            trials, rough = (
                Trials(
                    players,
                    {name: outage.thinned(share) for name, outage in groups.items()},
                    callers(share * options.rate, options.deadline_ns),
                    kept=folder.trials,
                    context=context,
                    progress=progress.count,
                    interrupted=interrupted,
                )
                for share in (1.0, ROUGH)
            )
            tuner = Tuner(of, groups, trials, rough, options, say=progress.say, interrupted=interrupted)
            found = await tuner.tuned(missed)
            return found, await points(of, found, trials) if options.prove else []

    found, several = asyncio.run(all_of_it())
    if several:
        play_one = partial(play_live, reports=reports, progress=progress, command=command)
        proofs = tuple(proved(several, play_one, progress, interrupted))
        found = replace(found, proofs=proofs, interrupted=len(proofs) < len(several))
    return found, folder
