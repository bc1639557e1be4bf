"""Runs and suites that are kept, compared: in folders, alone, and moved to another machine."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment import Baseline, compare, compare_with, trial
from harness.judge import Score
from harness.report.comparison import with_baseline
from harness.report.scorecard import Cell, CellRun, Scorecard, html, junit, markdown
from harness.store import SuiteFolder
from tests.experiment.files import SCENARIO

CHAIN = """\
name: {name}
driver: reference
providers:
  openai: {{dialect: openai, model: gpt-4}}
  azure: {{dialect: azure, model: gpt-4{reply}}}
order: [openai, azure]
retry: {{attempts: 1}}
"""
SLOW = ", reply: {ttft: 2s}"


def run(root: Path, *, name: str = "one", chain: str = "ours", slow: bool = False, seed: int = 1) -> Path:
    """Keep a run of a scenario whose fallback is quick, or slow; return its folder."""
    root.mkdir(exist_ok=True)
    scenario, file = root / f"{name}.yaml", root / "chain.yaml"
    scenario.write_text(SCENARIO.format(name=name, rate=3, baseline_s=3))
    file.write_text(CHAIN.format(name=chain, reply=SLOW if slow else ""))
    return trial(scenario, runs=root / "reports", seed=seed, command=f"harness run {name}").folder.path


def suite(root: Path, *runs: Path, chain: str = "ours") -> Path:
    """Keep a suite of one cell with some runs; return its folder."""
    folder = SuiteFolder.create(root / "reports")
    found = []
    for path in runs:
        plan = json.loads((path / "plan.json").read_bytes())
        state = CellRun(seed=plan["seed"], digest=plan["digest"], length_s=8, command="c", run=str(path), ended=True)
        found.append(CellRun(**{name: getattr(state, name) for name in state.__slots__} | {"score": Score.PASS}))
    cell = Cell(scenario=runs[0].parent.name, title="", file="one.yaml", chain=chain, runs=tuple(found))
    card = Scorecard(path=str(folder.path), started="now", command="harness suite .", cells=(cell,))
    folder.write(card.as_json())
    folder.write_scorecard(markdown=markdown(card), html=html(card), junit=junit(card))
    return folder.path


def page(folder: Path) -> ET.Element:
    """Return the JUnit file of a folder."""
    return ET.fromstring((folder / "junit.xml").read_bytes())  # noqa: S314 - we wrote it


def test_the_same_run_again_changes_nothing(tmp_path: Path) -> None:
    """In virtual time not a digit."""
    found = compare(run(tmp_path), run(tmp_path))
    (cell,) = found.cells
    assert cell.comparison is not None
    assert (cell.scenario, cell.chain, cell.note, cell.comparison.paired) == ("one", "ours", "", True)
    assert {change.difference for change in cell.comparison.changes if change.difference is not None} == {0.0}
    assert not found.regressed
    assert found.as_json()["regressions"] == []


def test_what_the_chain_ran_with_is_compared_too(tmp_path: Path) -> None:
    """A new version of a library may be the whole difference."""
    runs = [run(tmp_path), run(tmp_path)]
    for path, versions in zip(runs, ({"litellm": "1.75.0", "openai": "2.0.0"}, {"litellm": "1.90.0"}), strict=True):
        file = path / "environment.json"
        facts = json.loads(file.read_bytes()) | {"chain": {"python": "3.12.1", "versions": versions}}
        file.write_text(json.dumps(facts))

    assert [cell.note for cell in compare(*runs).cells] == [
        "the chain ran with litellm 1.75.0 before, 1.90.0 after, openai 2.0.0 before, none after"
    ]
    assert [cell.note for cell in compare(runs[0], runs[0]).cells] == [""]
    assert [cell.note for cell in compare(run(tmp_path), runs[0]).cells] == [""]


def test_one_slower_run_is_open(tmp_path: Path) -> None:
    """Named with both numbers, and with how many more runs would tell; the other way round there is nothing to say."""
    quick, slow = run(tmp_path), run(tmp_path, slow=True)
    found = compare(quick, slow)
    assert found.regressions() == []
    names = {one["metric"] for one in found.open() if one["phase"] == "fault"}
    assert {"latency_p50", "goodput"} & names == {"latency_p50"}
    assert not compare(slow, quick).unclear
    told = json.loads(json.dumps(found.as_json(), allow_nan=False))
    (cell,) = told["cells"]
    assert (cell["paired"], cell["pairs"], cell["needed"]) == (True, 1, 5)
    (worse,) = [row for row in cell["metrics"] if (row["metric"], row["phase"]) == ("latency_p50", "fault")]
    assert (worse["trend"], worse["pointing"]) == ("unknown", "worse")
    assert worse.keys() >= {"unit", "before", "after", "before_ci", "after_ci", "difference"}


def test_other_arrivals_are_said_to_be_other(tmp_path: Path) -> None:
    """Another seed of the same scenario may be compared, but not as a pair."""
    (cell,) = compare(run(tmp_path), run(tmp_path, seed=2)).cells
    assert cell.comparison is not None
    assert not cell.comparison.paired
    assert cell.note == "other seeds, so that chance is in every difference"


def test_an_edited_scenario_is_not_compared(tmp_path: Path) -> None:
    """Another load or another fault changes every number, whatever the chain."""
    before = run(tmp_path)
    later = tmp_path / "later"
    later.mkdir()
    (later / "one.yaml").write_text((tmp_path / "one.yaml").read_text().replace("rate: 3/s", "rate: 4/s"))
    shutil.copy(tmp_path / "chain.yaml", later)
    after = trial(later / "one.yaml", runs=later / "reports").folder.path
    (cell,) = Baseline.open(before).against(Baseline.open(after)).cells
    assert (cell.comparison, cell.regressions, cell.open) == (None, (), ())
    assert "begin a new baseline" in cell.note


def test_numbers_alone_will_do(tmp_path: Path) -> None:
    """A metrics.json that was copied out of its folder; inside it, it stands for the run."""
    quick, slow = run(tmp_path), run(tmp_path, slow=True)
    alone = Path(shutil.copy(quick / "metrics.json", tmp_path / "base.json"))
    found = Baseline.open(alone).against(Baseline.open(slow))
    assert found.unclear
    assert found.cells[0].note == "an unknown seed, so any difference may be chance"
    assert found.cells[0].comparison is not None
    assert found.cells[0].comparison.checks
    assert all(check.before is None for check in found.cells[0].comparison.checks)
    inside = Baseline.open(quick / "metrics.json").against(Baseline.open(slow))
    assert inside.cells[0].comparison is not None
    assert inside.cells[0].comparison.paired


def unsound(path: Path) -> Path:
    """Give a run the answer of one whose own health was bad: nothing in it is better or worse than inconclusive."""
    verdict = json.loads((path / "verdict.json").read_bytes())
    for row in (*verdict["expectations"], *verdict["findings"]):
        row["status"] = "inconclusive"
    (path / "verdict.json").write_text(json.dumps(verdict | {"status": "inconclusive", "exit_code": 3}))
    return path


def test_a_run_that_was_not_sound_is_neither_worse_nor_better(tmp_path: Path) -> None:
    """A machine that drops arrivals makes every number worse, and says nothing of the chain."""
    quick = [run(tmp_path, seed=seed) for seed in range(1, 7)]
    slow = [unsound(run(tmp_path, seed=seed, slow=True)) for seed in range(1, 7)]
    found = Baseline.open(suite(tmp_path, *quick)).against(Baseline.open(suite(tmp_path, *slow)))
    (cell,) = found.cells
    assert (found.regressed, found.unclear, cell.comparison) == (False, True, None)
    assert "sound" in cell.note
    assert b'type="inconclusive"' in with_baseline(junit(Scorecard(path="", started="", command="", cells=())), found)
    (cell,) = compare(suite(tmp_path, *quick), suite(tmp_path, *quick[:5], slow[5])).cells
    assert cell.comparison is not None
    assert (cell.comparison.pairs, cell.regressions, cell.open) == (5, (), ())
    assert compare(quick[0], slow[0]).unclear


def test_numbers_of_nobody_are_not_compared_with_those_of_many(tmp_path: Path) -> None:
    """Nobody knows to which of several scenarios a lone metrics.json belongs."""
    one, other = run(tmp_path), run(tmp_path, name="other")
    alone = Path(shutil.copy(one / "metrics.json", tmp_path / "base.json"))
    many = Baseline.open(suite(tmp_path, one))
    many = replace(many, cells={**many.cells, **Baseline.open(other).cells})
    assert {cell.note for cell in Baseline.open(alone).against(many).cells} >= {"not in the baseline"}
    assert not any(cell.comparison for cell in Baseline.open(alone).against(many).cells)
    assert not any(cell.comparison for cell in many.against(Baseline.open(alone)).cells)


def test_what_only_the_baseline_has_is_said(tmp_path: Path) -> None:
    """A scenario that was taken out of a suite can no longer become worse; a single run is no suite."""
    one, other = run(tmp_path), run(tmp_path, name="other")
    before = Baseline.open(suite(tmp_path, one))
    before = replace(before, cells={**before.cells, **Baseline.open(other).cells})
    found = before.against(Baseline.open(suite(tmp_path, one)))
    assert [(cell.scenario, cell.note) for cell in found.cells] == [("one", ""), ("other", "only in the baseline")]
    assert [cell.scenario for cell in before.against(Baseline.open(one)).cells] == ["one"]


def test_suites_are_compared_seed_by_seed(tmp_path: Path) -> None:
    """A chain may have got another name, if there is only one on either side."""
    before = suite(tmp_path, *(run(tmp_path, seed=seed) for seed in range(1, 6)))
    after = suite(
        tmp_path, *(run(tmp_path, seed=seed, slow=True, chain="new") for seed in range(5, 0, -1)), chain="new"
    )
    (cell,) = compare(before, after).cells
    assert cell.comparison is not None
    assert (cell.comparison.pairs, cell.comparison.paired, cell.chain) == (5, True, "new")
    (latency,) = [c for c in cell.comparison.changes if (c.metric, c.phase) == ("latency_p50", "fault")]
    assert latency.trend == "worse"
    assert latency.difference == pytest.approx(1.95e9, rel=0.05)


def test_a_folder_of_reports_stands_for_its_latest_suite(tmp_path: Path) -> None:
    """So that a pipeline needs to know no name."""
    one = run(tmp_path)
    suite(tmp_path, one)
    later = suite(tmp_path, one)
    assert Baseline.open(tmp_path / "reports").path == later


def test_a_suite_that_was_moved_finds_its_runs(tmp_path: Path) -> None:
    """As after a download of all `reports` from another machine."""
    here = tmp_path / "here"
    before = suite(here, run(here))
    moved = here.rename(tmp_path / "there") / before.relative_to(here)
    again = tmp_path / "again"
    (cell,) = compare(moved, suite(again, run(again))).cells
    assert cell.comparison is not None


def test_a_junit_file_says_it_too(tmp_path: Path) -> None:
    """One more suite, counted in the totals; said twice it stands there once."""
    quick, slow = run(tmp_path), run(tmp_path, slow=True)
    tests = int(page(slow).get("tests", ""))
    for _ in range(2):
        compare_with(Baseline.open(quick), slow)
    root = page(slow)
    (found,) = root.findall("testsuite[@name='baseline']")
    assert (root.get("tests"), found.get("errors"), found.get("failures")) == (str(tests + 1), "1", "0")
    (open_,) = found.iter("error")
    assert open_.get("type") == "inconclusive"
    assert "latency_p50 in fault: was" in (open_.text or "")


def test_a_regression_is_a_failed_test_case(tmp_path: Path) -> None:
    """With the numbers that became worse."""
    before = suite(tmp_path, *(run(tmp_path, seed=seed) for seed in range(1, 6)))
    after = suite(tmp_path, *(run(tmp_path, seed=seed, slow=True) for seed in range(1, 6)))
    compare_with(Baseline.open(before), after)
    (failure,) = page(after).iter("failure")
    assert failure.get("type") == "regression"
    assert "latency_p50 in fault: was" in (failure.text or "")


def test_what_is_not_in_the_baseline_is_no_regression(tmp_path: Path) -> None:
    """It is said, and skipped."""
    other, one = run(tmp_path, name="other"), run(tmp_path)
    found = compare_with(Baseline.open(other), one)
    assert [cell.note for cell in found.cells] == ["not in the baseline"]
    assert not found.regressed
    assert page(one).findall("testsuite[@name='baseline']/testcase/skipped")
    with pytest.raises(UsageError, match="no scenario that both ran"):
        compare(other, one)


@pytest.mark.parametrize("what", ["nothing", "file", "text", "unfinished", "suite"])
def test_what_is_no_run_is_told(tmp_path: Path, what: str) -> None:
    """Before anything starts."""
    path = tmp_path / "x"
    if what in ("file", "text"):
        path.write_text("{}" if what == "file" else "no")
    if what == "suite":
        path.mkdir()
        (path / "suite.json").write_text('{"cells": [{}]}')
    if what == "unfinished":
        path = run(tmp_path)
        verdict = json.loads((path / "verdict.json").read_bytes())
        (path / "verdict.json").write_text(json.dumps(verdict | {"exit_code": 4}))
    with pytest.raises(UsageError):
        Baseline.open(path)
