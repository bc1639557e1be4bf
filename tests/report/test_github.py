"""What GitHub shows: a summary in Markdown, and annotations at failed checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.judge import Score, Status, metrics_json, verdict_json
from harness.judge.comparison.regression import compare
from harness.report import JudgedRun, github, open_run
from harness.report.comparison import Compared, ComparedCell, markdown
from harness.report.scorecard import Scorecard
from harness.store import RunFolder
from tests.judge.test_regression import side
from tests.report.test_scorecard import card, cell, run

SCENARIO = """\
name: one
expect:
  - success_rate in fault >= 98%

  - "p95 fallback_overhead in fault < 9s"
  - amplification in fault <= 4
  - time_to_recover < 10s
  - no retry_after_ignored
"""


def table(text: str) -> list[list[str]]:
    """Return the cells of all table rows."""
    rows = [line for line in text.splitlines() if line.startswith("|") and "---" not in line]
    return [[part.strip() for part in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def test_a_runs_summary(hasty: JudgedRun) -> None:
    """Its sentence, each expectation in a row of its own, and what was found."""
    text = github.run_summary(hasty, None)
    assert text.startswith("## primary-429 on chain\n\nFAIL — ")
    head, *rows = table(text)
    assert len(rows) == len(hasty.verdict.expectations)
    assert {len(row) for row in rows} == {len(head)}
    assert "`p95 fallback_overhead in fault < 9s`" in text
    assert "✗ FAIL" in text
    assert "Compared with the baseline" not in text


def test_a_summary_has_the_command_that_repeats_the_run(folder: RunFolder) -> None:
    """In a block of its own; a title that tries to be HTML stays text."""
    text = github.run_summary(open_run(folder.path), None)
    assert "```\nharness run scenario.yaml --seed 1\n```" in text
    assert not re.search(r"(?<!\\)<", re.sub(r"`[^`]*`", "", text))


def test_a_suites_summary_is_its_scorecard() -> None:
    """With the command of each cell that did not pass, and what became worse."""
    cards = card(cell("bad", run(Score.FAIL)), cell("good", run(Score.PASS)))
    text = github.suite_summary(cards, compared())
    assert "`harness run one.yaml --seed 1`" in text
    assert "### Compared with the baseline" in text
    assert text.index("Scorecard") < text.index("baseline")


def compared() -> Compared:
    """Return a comparison in which one check broke."""
    change = compare([(side("cost", 1, calm=Status.PASS), side("cost", 1, calm=Status.FAIL))] * 5, paired=True)
    cells = (
        ComparedCell(scenario="bad <b>", chain="ours", comparison=change),
        ComparedCell(scenario="new", chain="ours", note="not in the baseline"),
    )
    return Compared(before="reports/base", after="reports/now", cells=cells)


def test_regressions_in_markdown() -> None:
    """What became worse is under its scenario; a new scenario is named."""
    assert markdown(compared()).splitlines()[2:] == [
        "- bad \\<b> on ours: 1 regression; 5 pairs of runs",
        "  - ✗ calm: failed in 0 of 5 runs, now in 5",
        "- new on ours: not in the baseline",
    ]


def test_a_failed_check_of_our_own_scenario_has_no_line(hasty: JudgedRun, tmp_path: Path) -> None:
    """It lies outside the checkout: GitHub would point at a file that is not there."""
    scenario = tmp_path / "site-packages" / "one.yaml"
    scenario.parent.mkdir()
    scenario.write_text(SCENARIO)
    (line,) = github.run_annotations(hasty, scenario, tmp_path / "checkout")
    assert line.startswith("::error title=primary-429%3A no retry_after_ignored::")


def test_our_own_scenario_by_name_has_no_line_either(
    hasty: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`harness run smoke/refused.yaml` names no file of the checkout."""
    monkeypatch.chdir(tmp_path)
    (line,) = github.run_annotations(hasty, Path("smoke/refused.yaml"), tmp_path)
    assert line.startswith("::error title=")


def test_a_failed_check_is_annotated_at_its_line(hasty: JudgedRun, tmp_path: Path) -> None:
    """The expectation's own line of the scenario file, as GitHub finds it from the checkout; nothing for those that passed."""
    scenario = tmp_path / "scenarios" / "one, two.yaml"
    scenario.parent.mkdir()
    scenario.write_text(SCENARIO)
    lines = github.run_annotations(hasty, scenario, tmp_path)
    failed = [row for row in hasty.verdict.expectations if row.status == "fail"]
    assert [row.text for row in failed] == ["no retry_after_ignored"]
    (line,) = lines
    assert line.startswith(
        "::error file=scenarios/one%2C two.yaml,line=8,title=primary-429%3A no retry_after_ignored::"
    )
    assert "\n" not in line


def test_texts_cannot_break_out_of_a_workflow_command() -> None:
    """A message cannot begin another command, or set a property."""
    line = github._error("a:b,c", 3, "t: 100%\n::set-env", "m\r\n::stop-commands::x%0A", "")
    assert line == "::error file=a%3Ab%2Cc,line=3,title=t%3A 100%25%0A%3A%3Aset-env::m%0D%0A::stop-commands::x%250A"
    assert line.count("\n") == 0


def test_a_suites_annotations_are_those_of_failed_cells(folder: RunFolder, tmp_path: Path) -> None:
    """Of the run that represents the cell; none for what is inconclusive or has no folder."""
    shown = open_run(folder.path)
    folder.write_verdict(verdict_json(shown.verdict), metrics_json(shown.metrics))
    cards: Scorecard = card(
        cell("bad", run(Score.FAIL, folder=folder.path)),
        cell("never", run(Score.FAIL, run=None)),
        cell("unclear", run(Score.INCONCLUSIVE, folder=folder.path)),
    )
    lines = github.suite_annotations(cards, tmp_path)
    assert lines
    assert all("bad on router" in line for line in lines)
    assert all(line.endswith("repeat with: harness run one.yaml --seed 1") for line in lines)
