"""What notebooks say about more than one run, on runs that were judged for real."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.engines import Quiet
from harness.errors import ExitCode, HarnessError
from harness.experiment.judging import judge_run
from harness.experiment.past import open_comparison, open_suites, open_trends
from harness.experiment.prepare import load
from harness.judge.comparison.changes import Trend
from harness.report import notebook
from harness.store import RunFolder, SuiteFolder, tables
from tests.histories import history, plan_in
from tests.report.test_notebook import Page

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
NOTEBOOKS = ("trends", "compare", "suite")


class Shelf:
    """Keeps runs of one scenario in a folder of reports.

    Args:
        root: Where the scenario and `reports` are.
    """

    def __init__(self, root: Path) -> None:
        self.reports = root / "reports"
        self.scenario = root / "scenario.yaml"
        plan_in(root, rate=1)

    def keep(self, ago: timedelta, *, seed: int = 1, tries: int = 3, error: HarnessError | None = None) -> Path:
        """Keep a run that began some time before `NOW`; more tries make callers wait longer for a fallback."""
        plan = load(self.scenario, seed=seed).plan
        folder = RunFolder.create(self.reports, plan, now=NOW - ago)
        found = history(plan, tries=tries)
        tables.write(folder.path, found)
        folder.write_environment({"engine": "sim", "started": (NOW - ago).isoformat()})
        judge_run(plan, folder, found, error, Quiet())
        folder.publish()
        return folder.path

    def week(self, *, tries: int, before: int, seeds: int = 6) -> None:
        """Keep a run of each seed, some days ago."""
        for seed in range(seeds):
            self.keep(timedelta(days=before, hours=seed), seed=seed, tries=tries)

    def suite(self, run: Path, *, chain: str, began: datetime) -> Path:
        """Keep a suite of one run, of another machine."""
        folder = SuiteFolder.create(self.reports, now=began)
        ran = {"seed": 1, "digest": "x", "length_s": 63.0, "command": "harness run", "ended": True, "score": "pass"}
        ran |= {"run": f"/elsewhere/reports/{run.parent.name}/{run.name}", "exit_code": 0}
        cell = {"scenario": "primary-429", "title": "t", "file": "f.yaml", "chain": chain, "runs": [ran]}
        about = {"suite": "/elsewhere", "status": "pass", "started": began.isoformat(), "command": "harness suite"}
        folder.write({**about, "cells": [cell]})
        return folder.path


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Return an empty shelf in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_RUN", raising=False)
    return Shelf(tmp_path)


@pytest.mark.parametrize(
    ("tries", "answer", "said"),
    [
        ((2, 3), Trend.WORSE, r"wait for a fallback p95: 5\.\d+ s → 7\.\d+ s"),
        ((3, 2), Trend.BETTER, r"wait for a fallback p95: 7\.\d+ s → 5\.\d+ s"),
        ((3, 3), Trend.UNKNOWN, r"6 pairs of runs differ by no more than chance explains"),
    ],
)
def test_a_week_is_compared_with_the_one_before(tries: tuple[int, int], answer: Trend, said: str, shelf: Shelf) -> None:
    """Six seeds each show a change; runs that are the same show none."""
    shelf.week(tries=tries[0], before=9)
    shelf.week(tries=tries[1], before=2)
    day, week, month = open_trends(now_s=NOW.timestamp()).periods
    assert week.answer is answer
    assert re.search(said, week.why)
    assert (day.answer, day.why) == (Trend.UNKNOWN, "There is no run in the last 24 hours.")
    assert (month.answer, month.why) == (Trend.UNKNOWN, "There is no run in the 30 days before.")


def test_few_runs_are_no_evidence(shelf: Shelf) -> None:
    """Not even of a change that each shows; nor is one simulated run that is repeated."""
    for day in range(1, 6):
        shelf.keep(timedelta(days=7 + day), tries=2)
        shelf.keep(timedelta(days=day), tries=3)
    week = open_trends(now_s=NOW.timestamp()).periods[1]
    assert week.answer is Trend.UNKNOWN
    assert week.why == (
        "1 pair of runs, and at least 6 are needed, each with another seed: fewer may differ by chance."
    )


def test_runs_that_were_cut_short_count_for_nothing(shelf: Shelf) -> None:
    """They are among the runs, and in no comparison."""
    stopped = HarnessError("interrupted")
    stopped.exit_code = ExitCode.INTERRUPTED
    shelf.keep(timedelta(days=8))
    shelf.keep(timedelta(days=1), error=stopped)
    trends = open_trends(now_s=NOW.timestamp())
    assert [run.note for run in trends.runs] == ["interrupted", ""]
    assert trends.periods[1].why == "There is no sound run of the same load, phases and faults on both sides."


def test_two_runs_are_compared_by_default(shelf: Shelf) -> None:
    """The latest with the last one before it of the same seed, or of any; with none, it says so."""
    shelf.keep(timedelta(days=3))
    (cell,) = open_comparison().cells
    assert cell.comparison is None
    assert cell.note.startswith("no earlier run")
    shelf.keep(timedelta(days=2), seed=2)
    assert open_comparison().before.endswith("2026-11-27T12-00-00Z-1")
    shelf.keep(timedelta(days=1))
    compared = open_comparison()
    assert compared.before.endswith("2026-11-27T12-00-00Z-1")
    assert compared.cells[0].comparison is not None
    assert compared.cells[0].comparison.paired


def test_suites_are_columns(shelf: Shelf) -> None:
    """Of the latest suite, or of those that are named; alike names are told apart by version or time."""
    run = shelf.keep(timedelta(days=1))
    assert open_suites() == []
    first = shelf.suite(run, chain="chain", began=NOW - timedelta(hours=2))
    second = shelf.suite(run, chain="chain", began=NOW)
    assert [column.suite for column in open_suites()] == [str(second)]
    assert [column.suite for column in open_suites([first, second])] == [str(first), str(second)]


def shown(name: str, **parameters: Any) -> Page:
    """Execute a notebook; return what it shows, after seeing that each of its blocks shows something."""
    cells = [cell for cell in notebook.execute(name, **parameters) if not cell.markdown]
    assert not any(cell.problem or cell.printed for cell in cells)
    blocks = [cell for cell in cells if cell.source.startswith("show.")]
    assert all("".join(Page(cell.html()).words).strip() for cell in blocks)
    page = "".join(cell.html() for cell in blocks)
    assert "<tbody></tbody>" not in page
    ids = Page(page).ids
    assert len(ids) == len({*ids})
    return Page(page)


def test_notebooks_show_what_there_is(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and suites by their names, or the latest ones, from wherever the notebook lies."""
    shelf.keep(timedelta(days=8), tries=2)
    last = shelf.keep(timedelta(days=1), tries=3)
    suites = [str(shelf.suite(last, chain=name, began=NOW)) for name in ("one", "<b>two</b>")]
    monkeypatch.setenv("HARNESS_RUN", str(last))
    trends = shown("trends", scenario="primary-429", chain="chain")
    assert "Is it worse than last week?" in trends.text
    assert trends.tags.count("svg") == 1
    assert "No evidence" in shown("compare").text
    both = shown("suite", suites=suites)
    assert "<b>two</b> : 1 of 1 scenario passed" in both.text
    assert "Everything passed." in both.text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_say_why_there_is_nothing(name: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run that was killed, and no suite: each block has a sentence, and none an empty table."""
    folder = RunFolder.create(shelf.reports, load(shelf.scenario).plan, now=NOW)
    monkeypatch.setenv("HARNESS_RUN", str(folder.path))
    page = shown(name)
    assert {"trends": "needs two runs", "compare": "no earlier run", "suite": "No suite is kept yet"}[name] in page.text


def test_a_scenario_without_runs_is_named(shelf: Shelf) -> None:
    """In a sentence, and no error."""
    shelf.keep(timedelta(days=1))
    assert open_trends("nothing").reason == f"No run of nothing is kept in {shelf.reports}."
    assert "No run of nothing is kept" in Page(notebook_html("nothing")).text


def notebook_html(scenario: str) -> str:
    """Return all blocks of the trends of a scenario."""
    from harness.report import show  # noqa: PLC0415 - the pictures take a second to import

    trends = open_trends(scenario)
    return "".join(block(trends).html for block in (show.last_week, show.trend, show.periods, show.kept_runs))
