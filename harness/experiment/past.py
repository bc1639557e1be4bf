"""What notebooks open that look at more than one run: the trends of a scenario, two runs, suites."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from harness.errors import UsageError
from harness.experiment.comparison import Baseline, Kept, compare, compared_runs, kept_run
from harness.report.comparison import Compared, ComparedCell
from harness.report.scorecard import Scorecard
from harness.report.scorecard.side_by_side import SuiteColumn, columns_of
from harness.report.trends import Period, Trends
from harness.scenario.names import SAMPLES
from harness.store import RunFolder, SuiteFolder, latest, nearest_reports, shaped
from harness.store.index import entries
from harness.store.index_entry import Entry, read_run

_DAY_S = 24 * 3600
_PERIODS = (("24 hours", _DAY_S), ("7 days", 7 * _DAY_S), ("30 days", 30 * _DAY_S))
_RUNS_MAX = 30
"""Runs of a period that are compared, the newest: each takes some milliseconds to read."""


def open_trends(scenario: str | None = None, chain: str | None = None, *, now_s: float | None = None) -> Trends:
    """Return how a scenario on a chain went over time.

    Args:
        scenario: Its name; None for that of the latest run.
        chain: The chain's name; None for that of the latest run of the scenario.
        now_s: When the periods end, as Unix time; now if None.
    """
    reports = _reports()
    kept = [entry for entry in entries(reports) if entry.kind == "run"]
    if scenario is None and chain is None:
        begun = read_run(_latest_run(reports))
        scenario, chain = begun.scenario, begun.chain
    fitting = [entry for entry in kept if scenario in (None, entry.scenario) and chain in (None, entry.chain)]
    if not fitting:
        asked = " on ".join(filter(None, (scenario or "any scenario", chain)))
        return Trends(scenario=scenario or "", chain=chain or "", reason=f"No run of {asked} is kept in {reports}.")
    key = fitting[0].scenario, fitting[0].chain
    found = [entry for entry in fitting if (entry.scenario, entry.chain) == key]
    now_s = time.time() if now_s is None else now_s
    periods = tuple(_period(reports, found, name=name, length_s=length_s, now_s=now_s) for name, length_s in _PERIODS)
    return Trends(scenario=key[0], chain=key[1], runs=tuple(found), periods=periods)


def open_comparison(old: str | os.PathLike[str] | None = None, new: str | os.PathLike[str] | None = None) -> Compared:
    """Return what changed between two runs, or two suites.

    Args:
        old: Folder of the earlier one; None for the last run before the later one, of the same scenario on the same chain,
            and of the same seed if there is one.
        new: Folder of the later one; None for the latest run.

    Raises:
        UsageError: One of those that are named is not there, or they have nothing in common.
    """
    reports = _reports()
    after = Path(new) if new else _latest_run(reports)
    if old is not None:
        return compare(Path(old), after)
    later = read_run(after)
    earlier = [each for each in entries(reports) if _precedes(each, later) and reports / each.path != after.resolve()]
    before = next((each for each in earlier if each.seed == later.seed), next(iter(earlier), None))
    if before is None:
        note = "no earlier run of this scenario on this chain came to its end; run it again, or name a folder as `old`"
        return Compared(before="", after=str(after), cells=(_nothing(later, note),))
    try:
        return Baseline.open(reports / before.path).against(Baseline.open(after))
    except UsageError as problem:  # the latest run was cut short: nobody has named it
        return Compared(before=before.path, after=str(after), cells=(_nothing(later, problem.problem),))


def open_suites(suites: Sequence[str | os.PathLike[str]] | None = None) -> list[SuiteColumn]:
    """Return the scorecards of suites side by side: a column for each chain of each suite.

    Args:
        suites: Their folders; None for the latest one. None is returned where there is none.

    Raises:
        UsageError: One of them is not there, or damaged.
    """
    if suites is None:
        found = SuiteFolder.latest(_reports())
        folders = [] if found is None else [found]
    else:
        folders = [SuiteFolder.open(Path(path)) for path in suites]
    return [column for folder in folders for column in columns_of(_scorecard(folder), _run_entry)]


def _reports() -> Path:
    """Return the folder of reports: that of the run that $HARNESS_RUN names, else `reports` here or in the folder above.

    A run that was copied out of its folder of reports is in none.
    """
    chosen = os.environ.get("HARNESS_RUN")
    if chosen:
        run = RunFolder.open(Path(chosen)).path
        if run.parent.name in (SAMPLES, read_run(run).scenario):
            return run.parent.parent
    return nearest_reports(Path.cwd()).resolve()


def _latest_run(reports: Path) -> Path:
    """Return the run that $HARNESS_RUN names, else the latest; runs of suites are none that `latest` leads to."""
    chosen = os.environ.get("HARNESS_RUN")
    if chosen:
        return RunFolder.open(Path(chosen)).path
    newest = next((entry for entry in entries(reports) if entry.kind == "run" and not entry.suite), None)
    return latest(reports) if newest is None else reports / newest.path


def _period(reports: Path, runs: Sequence[Entry], *, name: str, length_s: int, now_s: float) -> Period:
    """Return a period, and what changed to it from the one before; only runs of one engine are compared."""
    now = tuple(run for run in runs if now_s - length_s <= run.when_s)
    before = tuple(run for run in runs if now_s - 2 * length_s <= run.when_s < now_s - length_s)
    key = runs[0].scenario, runs[0].chain
    engine = now[0].engine if now else ""
    old, new = (
        list(islice(_kept(reports, [run for run in side if run.engine == engine]), _RUNS_MAX)) for side in (before, now)
    )
    return Period(name=name, runs=now, before=before, cell=compared_runs(key, old, new, cells=len(_PERIODS)))


def _kept(reports: Path, runs: Sequence[Entry]) -> Iterator[Kept]:
    """Yield the runs that have numbers, newest first; a damaged one is left out: the list of runs says so."""
    for run in runs:
        if run.verdict and not run.note:
            try:
                found = kept_run(RunFolder.open(reports / run.path))
            except UsageError:
                continue
            if found is not None:
                yield found


def _precedes(entry: Entry, later: Entry) -> bool:
    return (
        entry.kind == "run"
        and bool(entry.verdict)
        and not entry.note
        and (entry.scenario, entry.chain, entry.engine) == (later.scenario, later.chain, later.engine)
        and entry.when_s <= later.when_s
    )


def _nothing(run: Entry, note: str) -> ComparedCell:
    return ComparedCell(scenario=run.scenario, chain=run.chain, note=note)


def _scorecard(folder: SuiteFolder) -> Scorecard:
    try:
        return shaped({**folder.read(), "path": str(folder.path)}, Scorecard)
    except ValueError as error:
        problem = f"not the suite.json of a suite: {error}"
        raise UsageError(problem, where=str(folder.path / "suite.json")) from None


def _run_entry(suite: str, run: str) -> Entry | None:
    """Return the entry of a suite's run; also where all of `reports` was moved."""
    path = Path(run)
    places = (path, Path(suite).parent.parent / path.parent.name / path.name)
    return next((read_run(place) for place in places if (place / "plan.json").is_file()), None)
