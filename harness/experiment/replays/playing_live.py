"""One way in which an incident may have been, played on real parts in real time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engines import Progress
from harness.errors import HarnessError
from harness.experiment.live import Interrupted
from harness.experiment.prepare import Loaded
from harness.experiment.real import Permission
from harness.experiment.replays.players import Play
from harness.experiment.single_run import run_live
from harness.extras import LIVE
from harness.incident.numbers import OutageNumbers, outage_numbers
from harness.judge.grammar import parse
from harness.judge.health import ailments
from harness.quantities import duration, plural
from harness.scenario import compile_plan
from harness.scenario.plan import NO_FILES

_EXPECTED = "no hang"
"""A run needs something that is expected; what an incident costs is no matter of right and wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlay:
    """What became of it.

    Attributes:
        numbers: Of the whole incident, or why it has none.
        run: The run's folder; None if none was begun.
    """

    numbers: OutageNumbers | str
    run: Path | None


def play_live(play: Play, reports: Path, progress: Progress, *, command: str = "") -> LivePlay:
    """Play a variant on real parts. It takes as long as it takes, and leaves a run with its page.

    A run that was not sound has no numbers: what went wrong was the harness's, or the machine's.

    Args:
        play: The variant, and the chain.
        reports: Folder of all runs.
        progress: Told about each phase.
        command: The command line that repeats it.

    Raises:
        UsageError: What a live run needs is not installed, or a real provider would be called.
        Interrupted: Somebody ended it.
    """
    LIVE.need()
    Permission(os.environ, allow=False)(play.chain)
    scenario = play.variant.scenario
    expected = parse(_EXPECTED, scenario.phases, scenario.load.kinds)
    plan = compile_plan(scenario, play.chain, (expected,))
    path = Path(scenario.name)
    loaded = Loaded(path=path, chain_path=path, scenario=scenario, chain=play.chain, plan=plan, files=NO_FILES)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        result = run_live(loaded, reports, progress, command=command)
    except HarnessError as error:
        return LivePlay(numbers=error.headline, run=None)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    folder = result.folder.path
    if isinstance(result.error, Interrupted):
        raise result.error
    if result.error is not None:
        return LivePlay(numbers=result.error.headline, run=folder)
    if sick := ailments(result.run.data):
        return LivePlay(numbers=f"the live run was not sound: {sick[0].what}", run=folder)
    return LivePlay(numbers=outage_numbers(result.run.data, play.variant.parts), run=folder)


def play_each(
    plays: Sequence[Play],
    play_one: Callable[[Play], LivePlay],
    progress: Progress,
    interrupted: Callable[[], bool],
) -> Iterator[LivePlay]:
    """Play variants one after the other, and yield what became of each, in their order; an interruption ends it.

    Args:
        plays: What is played.
        play_one: Plays one, as `play_live` does.
        progress: Told beforehand how long it takes.
        interrupted: Whether to begin no more.
    """
    whole_ns = sum(sum(play.variant.scenario.phases.values()) for play in plays)
    progress.say(f"{plural(len(plays), 'run')} on real parts: about {duration(whole_ns)}")
    for play in plays:
        if interrupted():
            return
        try:
            yield play_one(play)
        except Interrupted:
            return
