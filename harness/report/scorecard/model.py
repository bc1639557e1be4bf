"""What a scorecard is made of: cells, each one scenario on one chain, each with its runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from harness.errors import ExitCode
from harness.judge import Score, ScorecardNumbers, Status, worst
from harness.store.format import FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """One run of a cell: planned, ended, or judged.

    Attributes:
        seed: Its seed.
        digest: Of its plan.
        length_s: The sum of its phases, in seconds; a simulation takes less.
        wall_s: How long it took by the clock, in seconds; None if it did not end, or its folder does not say.
        command: The command line that repeats it.
        run: Its folder, absolute; None if it has none yet.
        ended: It ended, as planned or by a failure, and was not interrupted.
        error: Why it did not end as planned; empty if it did.
        score: None until it is judged.
        exit_code: Of the same run alone.
        reasons: The verdict's.
        tally: Its numbers; None if there are none.
    """

    seed: int
    digest: str
    length_s: float
    command: str
    run: str | None = None
    ended: bool = False
    error: str = ""
    score: Score | None = None
    exit_code: int = int(ExitCode.INCONCLUSIVE)
    reasons: tuple[str, ...] = ()
    tally: ScorecardNumbers | None = None
    wall_s: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scenario on one chain.

    Attributes:
        scenario: Its name.
        title: The scenario's, for people.
        file: The scenario's.
        chain: The chain's name.
        chain_file: From the command line; None for the scenario's own.
        runs: One for each seed.
    """

    scenario: str
    title: str
    file: str
    chain: str
    chain_file: str | None = None
    runs: tuple[CellRun, ...]

    @property
    def score(self) -> Score:
        """The worst over its runs; a run that was not judged counts as inconclusive."""
        return worst(run.score or Score.INCONCLUSIVE for run in self.runs)

    @property
    def status(self) -> Status:
        """The same as a verdict's status."""
        return self.score.status

    @property
    def shown(self) -> CellRun:
        """The run that represents the cell: the first of the worst."""
        return next(run for run in self.runs if (run.score or Score.INCONCLUSIVE) is self.score)

    @property
    def passed(self) -> int:
        """How many of its runs passed."""
        return sum(run.score is Score.PASS for run in self.runs)

    @property
    def tallies(self) -> list[ScorecardNumbers]:
        """The numbers of the runs that have some."""
        return [run.tally for run in self.runs if run.tally is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A scenario that does not fit a chain, and is not run on it. It does not count.

    Attributes:
        scenario: Its file, or its name if it is one of ours.
        chain: The chain's file.
        why: What the chain lacks.
    """

    scenario: str
    chain: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """A suite's result.

    Attributes:
        path: The suite's folder, absolute.
        started: UTC, ISO 8601.
        command: The command line that repeats it.
        engine: `live`, or `sim` for simulated runs.
        cells: Scenario by scenario, as they were given.
        left_out: What does not fit its chain.
        wall_s: How long it took by the clock, in seconds; None while it is under way, and where it was resumed.
    """

    path: str
    started: str
    command: str
    engine: str = "live"
    cells: tuple[Cell, ...] = field(default=())
    left_out: tuple[LeftOut, ...] = ()
    wall_s: float | None = None

    @property
    def status(self) -> Status:
        """The worst over the cells: fail beats inconclusive beats pass."""
        return worst(cell.score for cell in self.cells).status

    @property
    def exit_code(self) -> ExitCode:
        """Exit status of `harness suite`: failures of the harness first, so that they are not taken for the chain's."""
        if any(run.exit_code == ExitCode.HARNESS for cell in self.cells for run in cell.runs):
            return ExitCode.HARNESS
        codes = {Status.PASS: ExitCode.PASS, Status.FAIL: ExitCode.FAIL, Status.INCONCLUSIVE: ExitCode.INCONCLUSIVE}
        return codes[self.status]

    @property
    def own_s(self) -> float:
        """The sum of all runs' own lengths."""
        return sum(run.length_s for cell in self.cells for run in cell.runs)

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The scenarios' files, in order."""
        return tuple(dict.fromkeys(cell.file for cell in self.cells))

    @property
    def chains(self) -> tuple[str, ...]:
        """The names of the chains, in order."""
        return tuple(dict.fromkeys(cell.chain for cell in self.cells))

    def with_run(self, cell: int, run: CellRun) -> Scorecard:
        """Return the scorecard with a new state of one run, found by its cell and seed."""
        cells = list(self.cells)
        cells[cell] = replace(cells[cell], runs=tuple(run if old.seed == run.seed else old for old in cells[cell].runs))
        return replace(self, cells=tuple(cells))

    def as_json(self) -> dict[str, Any]:
        """Return `suite.json`."""
        return {
            "format": FORMAT,
            "suite": self.path,
            "status": self.status,
            "exit_code": int(self.exit_code),
            "started": self.started,
            "command": self.command,
            "engine": self.engine,
            "wall_s": self.wall_s,
            "own_s": self.own_s,
            "cells": [
                {
                    "scenario": cell.scenario,
                    "chain": cell.chain,
                    "status": cell.status,
                    "score": cell.score,
                    "run": cell.shown.run,
                    "command": cell.shown.command,
                    "title": cell.title,
                    "file": cell.file,
                    "chain_file": cell.chain_file,
                    "passed": cell.passed,
                    "runs": [run.as_json() for run in cell.runs],
                }
                for cell in self.cells
            ],
            "left_out": [asdict(each) for each in self.left_out],
        }


def counts(cells: Iterable[Cell]) -> dict[Score, int]:
    """Return how many cells have each score, from best to worst."""
    found = [cell.score for cell in cells]
    return {score: found.count(score) for score in Score if score in found}
