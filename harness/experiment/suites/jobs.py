"""What a suite is to do: every scenario on every chain with every seed, all of it checked before anything starts."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.chain.home import AT_HOME, ChainHome
from harness.draw import SEED_MAX
from harness.engines import Engine
from harness.errors import HarnessError, Unfit, UsageError, each_error, raise_errors
from harness.experiment.files import scenario_files
from harness.experiment.prepare import Loaded, prepare
from harness.experiment.real import Permission
from harness.report.scorecard import LeftOut
from harness.scenario.shipped import named


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run that is to be done.

    Attributes:
        cell: Place of its cell: one scenario on one chain.
        chain_file: The chain's, from the command line; None for the scenario's own.
        loaded: The plan, and the chain with its secrets.
        command: The command line that repeats it.
    """

    cell: int
    chain_file: Path | None
    loaded: Loaded
    command: str

    @property
    def length_s(self) -> float:
        """The sum of its phases, in seconds."""
        return self.loaded.plan.end_ns / 1e9

    @property
    def name(self) -> str:
        """For people."""
        plan = self.loaded.plan
        return f"{plan.name} on {plan.chain.name} (seed {plan.seed})"


def jobs(
    paths: Sequence[Path],
    *,
    chains: Sequence[Path] = (),
    seed: int | None = None,
    repeat: int = 1,
    allow_real: bool = False,
    engine: Engine = Engine.LIVE,
    home: ChainHome = AT_HOME,
    left_out: list[LeftOut] | None = None,
) -> tuple[Job, ...]:
    """Return all runs of a suite, cell by cell.

    Args:
        paths: Scenario files, and folders of them; or names of ours.
        chains: Chain files; with none, each scenario's own.
        seed: Of the first run of a cell, in place of the scenario's; each further one takes the next.
        repeat: Runs of a cell.
        allow_real: Real providers that are not on this machine may be called.
        engine: Which the commands that repeat the runs name.
        home: Where the chains are to run, in place of what their files name.
        left_out: Receives the scenarios that do not fit one of `chains`, as long as others do; that is an error if it is None.

    Raises:
        UsageError: Files are wrong, there is no scenario, or a real provider may not be called.
    """
    found: list[Job] = []
    errors: dict[str, HarnessError] = {}
    permission = Permission(os.environ, allow=allow_real)
    unfit: list[HarnessError] = []
    cell = 0
    for path in scenario_files(paths, errors):
        for chain in chains or (None,):
            try:
                first = prepare(path, permission, chain=chain, seed=seed, home=home)
                rest = (["--engine", engine] if engine != "live" else []) + (["--chain", str(chain)] if chain else [])
                rest += home.words
                rest += ["--allow-real"] if allow_real else []
                if (last := first.plan.seed + repeat - 1) > SEED_MAX:
                    raise UsageError(f"the last of {repeat} runs would have seed {last}; the largest is {SEED_MAX}")
                found += [_job(cell, chain, first, first.plan.seed + more, rest) for more in range(repeat)]
                cell += 1
            except HarnessError as error:
                if left_out is not None and chain is not None and all(isinstance(e, Unfit) for e in each_error(error)):
                    unfit.append(error)
                    why = "; ".join(each.problem for each in each_error(error))
                    left_out.append(LeftOut(scenario=named(path), chain=str(chain), why=why))
                else:
                    errors[str(error)] = error  # a wrong chain is wrong for every scenario, and reported once
    raise_errors(errors.values())
    if not found:
        raise_errors(unfit)
    return tuple(found)


def _job(cell: int, chain: Path | None, first: Loaded, seed: int, rest: list[str]) -> Job:
    words = ["harness", "run", named(first.path), *rest, "--seed", str(seed)]
    loaded = first if seed == first.plan.seed else first.seeded(seed)
    return Job(cell=cell, chain_file=chain, loaded=loaded, command=shlex.join(words))
