"""What single settings would have changed in a run: the same plan in virtual time, with one setting changed at a time."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from harness.chain import Chain
from harness.chain.home import ChainHome
from harness.chain.redact import redact
from harness.engines import CountedProgress
from harness.errors import HarnessError, UsageError
from harness.experiment.environment import cores
from harness.experiment.prepare import load
from harness.experiment.sim_pool import SimPool
from harness.experiment.sim_run import simulable
from harness.experiment.tuning.candidates import Candidate, Tunable, tunable
from harness.experiment.tuning.trying import TriedPlan, TryPlan, tried_plan
from harness.judge import Status, metrics_of
from harness.judge.comparison.counterfactual import MeasuredRemedies, TriedSetting, tried_setting, unlike
from harness.quantities import listed
from harness.report.decisive import decisive, remedies
from harness.report.judged_run import JudgedRun, open_run
from harness.report.notebook import write_report
from harness.scenario import Plan
from harness.scenario.plan import on_chain
from harness.store import RunFolder, decode, encode

_FROM_ELSEWHERE = frozenset({"folder", "notes", "read_by"})
"""What is known of a chain, and changes nothing about what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OtherValue:
    """A setting with another value."""

    label: str
    before: Any
    after: Any
    candidate: Candidate
    diff: tuple[str, ...]


def measure_remedies(
    path: Path,
    chain: Path | None = None,
    *,
    progress: CountedProgress,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[RunFolder, MeasuredRemedies]:
    """Simulate a run again with one setting changed at a time, and write what came of it into the run's folder.

    Args:
        path: The run's folder.
        chain: The file of its chain; None for the one that the run's command leads to.
        progress: Told how many are done, and about the page.
        interrupted: Whether to end early; asked after each.

    Raises:
        UsageError: There is no such run, its chain's file is gone or was changed, or nothing but a live run can host it.
    """
    folder = RunFolder.open(path)
    run = open_run(folder.path)
    if run.verdict.status is Status.INCONCLUSIVE:
        todo = " ".join(remedies(decisive(run.verdict)))
        reason = f"the run is inconclusive, so there is nothing to compare with. {todo}".rstrip()
        found = MeasuredRemedies(file="" if chain is None else str(chain), reason=reason)
    else:
        file, settings = _as_it_ran(run, chain)
        simulable(settings.chain)
        choices, refused = _choices(settings, _shown(file))
        found = asyncio.run(_measured(run, settings.chain, choices, progress.count, interrupted))
        found = replace(found, file=_shown(file), left_out=found.left_out + refused)
    try:
        folder.write_remedies(found)
    except OSError as problem:
        raise HarnessError.wrapping(problem, where=str(folder.path)) from None
    if folder.report.is_file():
        _show(folder, progress)
    return folder, found


def _show(folder: RunFolder, progress: CountedProgress) -> None:
    """Make the run's page again, with what was found on it."""
    progress.phase("report")
    try:
        write_report(folder.path)
    except (HarnessError, OSError) as problem:  # what was found is kept without its page
        progress.say(f"warning: {HarnessError.wrapping(problem, where=str(folder.path))}")


def _as_it_ran(run: JudgedRun, chain: Path | None) -> tuple[Path, Tunable]:
    """Return the file of a run's chain, and its settings, if it is what it was in the run."""
    home = ChainHome(model=run.plan.chain.model)
    if chain is None:
        chain, home = _named(str(run.environment.get("command", "")))
    elif run.plan.chain.litellm is None:
        home = ChainHome()
    found = tunable(chain, home)
    if differing := _differing(run.plan.chain, redact(found.chain)):
        raise UsageError(
            f"is not the chain of this run: {listed(differing, most=5)} differ",
            where=str(chain),
            hint="run the scenario again, or name the file as it was",
        )
    return found.path, found


def _named(command: str) -> tuple[Path, ChainHome]:
    """Return the file of the chain that a run's command leads to, and where it ran."""
    hint = "name it: harness tune CHAIN --run RUN"
    words = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    words.add_argument("scenario", nargs="?", type=Path)
    for name in ("--chain", "--python", "--litellm", "--model", "--engine", "--seed"):
        words.add_argument(name)
    try:
        named, _others = words.parse_known_args(shlex.split(command)[2:])
    except (ValueError, argparse.ArgumentError):
        named = argparse.Namespace(scenario=None)
    if named.scenario is None:
        raise UsageError("the run does not say which file its chain was read from", hint=hint)
    home = ChainHome(python=named.python, litellm=named.litellm, model=named.model)
    if named.chain is not None:
        return Path(named.chain), home
    try:
        return load(named.scenario, home=home).chain_path, home
    except UsageError as problem:
        raise UsageError(
            f"the file of the run's chain was not found: {problem.headline}", where=command, hint=hint
        ) from None


def _differing(ran: Chain, found: Chain) -> list[str]:
    """Return the fields in which two chains differ, as they are written to a plan."""
    found = decode(encode(found), Chain)  # as a plan is read: 200 is 200.0 then
    names = [name for name in Chain.__slots__ if name not in _FROM_ELSEWHERE]
    return [name for name in names if encode(getattr(ran, name)) != encode(getattr(found, name))]


def _choices(settings: Tunable, file: str) -> tuple[list[_OtherValue], int]:
    """Return every setting with each of its other values, and how many of them the file or the chain does not take."""
    found, refused = [], 0
    for setting in settings.settings:
        for value in setting.choices:
            try:
                candidate = settings.changed({setting.label: value})
            except UsageError:
                refused += 1
                continue
            if not candidate.values or not candidate.chain.providers.keys() >= {*settings.chain.order}:
                continue
            diff = settings.proposal(candidate).diff()
            found.append(
                _OtherValue(
                    label=setting.label,
                    before=setting.value,
                    after=value,
                    candidate=candidate,
                    diff=(f"--- {file}", f"+++ {file}", *diff[2:]),
                )
            )
    return found, refused


async def _measured(
    run: JudgedRun,
    chain: Chain,
    choices: Sequence[_OtherValue],
    progress: Callable[[int, int], None],
    interrupted: Callable[[], bool],
) -> MeasuredRemedies:
    processes = cores()
    total = len(choices) + 1
    tried: list[TriedSetting] = []
    with tempfile.TemporaryDirectory(prefix="harness-tune-") as logs:
        async with SimPool.start(processes, Path(logs) / "sim.log", tried_plan) as pool:
            progress(0, total)
            was = await _tried(pool, run.plan, chain)
            if isinstance(was, str):
                return MeasuredRemedies(file="", left_out=len(choices), reason=f"the run cannot be simulated: {was}")
            if problem := _not_reproduced(run, was):
                reason = f"the simulation does not reproduce this run ({problem}), so no setting was tried"
                return MeasuredRemedies(file="", left_out=len(choices), reason=reason)
            progress(1, total)

            async def work(waiting: Iterable[_OtherValue]) -> None:
                for choice in waiting:
                    if interrupted():
                        return
                    now = await _tried(pool, run.plan, choice.candidate.chain)
                    if not isinstance(now, str):
                        tried.append(
                            tried_setting(
                                choice.label,
                                (choice.before, choice.after),
                                choice.diff,
                                was=was.outcomes,
                                now=now.outcomes,
                                tried=len(choices),
                            )
                        )
                    progress(len(tried) + 1, total)

            waiting = iter(choices)
            await asyncio.gather(*(work(waiting) for _ in range(processes)))
    place = {(choice.label, encode(choice.after)): number for number, choice in enumerate(choices)}
    tried.sort(key=lambda each: (not each.helps, *each.weight, place[each.label, encode(each.after)]))
    answers = [ns for ns in was.outcomes.latency_ns if ns is not None]
    return MeasuredRemedies(
        file="",
        tried=tuple(tried),
        left_out=len(choices) - len(tried),
        requests=len(was.outcomes.unserved),
        answer_ns=median(answers) if answers else None,
    )


async def _tried(pool: SimPool, plan: Plan, chain: Chain) -> TriedPlan | str:
    """Return what becomes of a plan on a chain, or why nothing does."""
    return await pool.answer_or_why(TryPlan(plan=on_chain(plan, chain), chain=chain), TriedPlan)


def _not_reproduced(run: JudgedRun, again: TriedPlan) -> str:
    measured = metrics_of({"phases": again.phases, "providers": {}, "harness": {}})
    return unlike(run.verdict, again.outcomes.verdict, run.metrics.phases, measured.phases)


def _shown(path: Path) -> str:
    """Return a path from the working directory if it is in it; else its name alone, as a page may be sent to others."""
    here = Path.cwd()
    return str(path.resolve().relative_to(here)) if path.resolve().is_relative_to(here) else path.name
