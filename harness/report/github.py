"""A run or a suite as GitHub Actions shows it. Texts only: the command line writes them.

Annotations are for checks that failed: an inconclusive run is red by its exit code, and no line of its file is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness import quantities
from harness.document import read
from harness.errors import HarnessError
from harness.judge import ExpectationResult, Finding, Status, Verdict
from harness.report import comparison, scorecard, words
from harness.report.comparison import Compared
from harness.report.escape import (
    markdown,
    markdown_block,
    markdown_code,
    markdown_prose,
    workflow_data,
    workflow_property,
)
from harness.report.judged_run import JudgedRun
from harness.report.scorecard import Cell, Scorecard
from harness.report.summary import summary
from harness.scenario.shipped import located
from harness.store import RunFolder, shaped

_IDS_MAX = 5
_TITLE_MAX = 120


def run_summary(run: JudgedRun, compared: Compared | None) -> str:
    """Return a run in Markdown: the sentence, every expectation, the findings, and the command that repeats it."""
    verdict = run.verdict
    lines = [f"## {markdown(run.plan.name)} on {markdown(run.plan.chain.name)}", "", markdown_prose(summary(run)), ""]
    if verdict.expectations:
        lines += ["| | expectation | observed | 95 % interval | samples |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in verdict.expectations]
        lines.append("")
    lines += [f"- {_finding(finding)}" for finding in words.by_weight(verdict.findings)]
    lines += [f"- {markdown(reason)}" for reason in words.other_reasons(verdict)]
    if command := run.environment.get("command"):
        lines += ["", "Repeat with:", "", markdown_block(str(command))]
    return _page(lines, compared)


def suite_summary(card: Scorecard, compared: Compared | None) -> str:
    """Return a suite in Markdown: its scorecard, which names each cell that did not pass and how to repeat it."""
    return _page([scorecard.markdown(card)], compared)


def run_annotations(run: JudgedRun, scenario: Path, root: Path) -> list[str]:
    """Return a workflow command for each check that failed.

    Args:
        run: The run.
        scenario: Its file, or the name of one of ours.
        root: The checkout: GitHub knows files from there.
    """
    again = str(run.environment.get("command") or "")
    return list(_annotations(run.verdict, located(scenario), root, run.plan.name, again))


def suite_annotations(card: Scorecard, root: Path) -> list[str]:
    """Return the same for the worst run of each cell."""
    return [line for cell in card.cells for line in _of_cell(cell, root)]


def _of_cell(cell: Cell, root: Path) -> list[str]:
    shown = cell.shown
    if cell.status is not Status.FAIL or shown.run is None:
        return []
    verdict = shaped(RunFolder(Path(shown.run)).verdict(), Verdict)
    return list(_annotations(verdict, Path(cell.file), root, f"{cell.scenario} on {cell.chain}", shown.command))


def _annotations(verdict: Verdict, scenario: Path, root: Path, name: str, again: str) -> Iterator[str]:
    lines = _lines(scenario)
    found, top = scenario.resolve(), root.resolve()
    # The checkout has no line of a scenario that came with the package.
    file = str(found.relative_to(top)) if found.is_relative_to(top) else ""
    asked = {row.metric for row in verdict.expectations if words.forbids(row)}
    for place, row in enumerate(verdict.expectations):
        if row.status is Status.FAIL:
            message = row.message or f"{row.text}: was {words.observed(row)}"
            yield _error(file, lines.get(place, 1), f"{name}: {row.text}", message, again)
    for finding in verdict.findings:
        if finding.status is Status.FAIL and finding.severity == "required" and finding.id not in asked:
            title = f"{name}: {words.finding_name(finding.id)} ({finding.id})"
            yield _error(file, 1, title, finding.message + _ids(finding.requests), again)


def _lines(scenario: Path) -> dict[int, int]:
    """Return the line of each expectation; none where the file is gone."""
    try:
        places = read(scenario).lines
    except HarnessError:
        return {}
    return {int(place[1]): line for place, line in places.items() if len(place) == 2 and place[0] == "expect"}


def _error(file: str, line: int, title: str, message: str, again: str) -> str:
    text = f"{message}\nrepeat with: {again}" if again else message
    place = f"file={workflow_property(file)},line={line}," if file else ""
    return f"::error {place}title={workflow_property(title[:_TITLE_MAX])}::{workflow_data(text)}"


def _row(row: ExpectationResult) -> str:
    cells = (
        words.status(row.status),
        markdown_code(row.text).replace("|", "\\|"),
        markdown(words.observed(row)),
        words.around(row) or quantities.MISSING,
        words.samples(row),
    )
    return f"| {' | '.join(cells)} |"


def _finding(finding: Finding) -> str:
    name = f"**{markdown(words.finding_name(finding.id))}** ({markdown_code(finding.id)})"
    return f"{words.finding(finding)} {name}: {markdown(finding.message + _ids(finding.requests))}"


def _ids(requests: Sequence[str]) -> str:
    return f" ({quantities.listed(requests, most=_IDS_MAX)})" if requests else ""


def _page(lines: list[str], compared: Compared | None) -> str:
    more = ["", comparison.markdown(compared)] if compared is not None else []
    return "\n".join([*lines, *more, ""])
