"""A suite's scorecard before anything has run: its cells, and what an earlier suite has done of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import ExitCode, UsageError
from harness.experiment.suites.jobs import Job
from harness.report.scorecard import Cell, CellRun, LeftOut, Scorecard
from harness.store import SuiteFolder, shaped


def scorecard(
    folder: SuiteFolder, todo: Sequence[Job], *, left_out: Sequence[LeftOut], command: str, engine: str, resumed: bool
) -> Scorecard:
    """Return the scorecard of runs that are all still to be done, but for those of the same plan that the folder has."""
    done = _done(folder) if resumed else {}
    names = {job.chain_file: job.loaded.plan.chain.name for job in todo if job.chain_file is not None}
    cells: dict[int, Cell] = {}
    for job in todo:
        plan, file = job.loaded.plan, str(job.loaded.path)
        run = CellRun(seed=plan.seed, digest=plan.digest, length_s=job.length_s, command=job.command)
        run = done.get((file, plan.digest), run)
        cell = cells.get(job.cell)
        if cell is None:
            chain_file = None if job.chain_file is None else str(job.chain_file)
            alike = list(names.values()).count(plan.chain.name) > 1
            cell = Cell(
                scenario=plan.name,
                title=plan.title,
                file=file,
                chain=f"{plan.chain.name} ({chain_file})" if alike else plan.chain.name,
                chain_file=chain_file,
                runs=(),
            )
        cells[job.cell] = replace(cell, runs=(*cell.runs, run))
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return Scorecard(
        path=str(folder.path),
        started=started,
        command=command,
        engine=engine,
        cells=tuple(cells.values()),
        left_out=tuple(left_out),
    )


def _done(folder: SuiteFolder) -> dict[tuple[str, str], CellRun]:
    """Return the runs of a suite that came to their end and whose folders are still there, by file and plan."""
    found = {}
    try:
        for cell in folder.read()["cells"]:
            for data in cell["runs"]:
                run = shaped(data, CellRun)
                failed = run.exit_code == ExitCode.HARNESS
                if run.ended and not failed and run.run and (Path(run.run) / "plan.json").is_file():
                    found[cell["file"], run.digest] = run
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"not the suite.json of a suite: {type(error).__name__}: {error}", where=str(folder.path / "suite.json")
        ) from None
    return found
