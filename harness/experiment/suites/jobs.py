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
from harness.errors import HarnessError, UsageError, raise_errors
from harness.experiment.files import scenario_files
from harness.experiment.prepare import Loaded, prepare
from harness.experiment.real import Permission
from harness.scenario.shipped import named


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run that is to be done.

    Attributes:
        cell: Place of its cell: one scenario on one chain.
        loaded: The plan, and the chain with its secrets.
        command: The command line that repeats it.
    """

    cell: int
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

    Raises:
        UsageError: Files are wrong, there is no scenario, or a real provider may not be called.
    """
    found: list[Job] = []
    errors: dict[str, HarnessError] = {}
    permission = Permission(os.environ, allow=allow_real)
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
                found += [_job(cell, first, first.plan.seed + more, rest) for more in range(repeat)]
            except HarnessError as error:
                errors[str(error)] = error  # a wrong chain is wrong for every scenario, and reported once
            cell += 1
    raise_errors(errors.values())
    return tuple(found)


def _job(cell: int, first: Loaded, seed: int, rest: list[str]) -> Job:
    words = ["harness", "run", named(first.path), *rest, "--seed", str(seed)]
    return Job(cell=cell, loaded=first if seed == first.plan.seed else first.seeded(seed), command=shlex.join(words))
