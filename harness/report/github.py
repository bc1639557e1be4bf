"""A run or a suite as GitHub Actions shows it. Texts only: who writes them where is the command line's business.

Annotations are for checks that failed: an inconclusive run is red by its exit code, and has nothing to say of a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.document import read
from harness.errors import HarnessError
from harness.judge import ExpectationResult, Status, Verdict
from harness.report import comparison, words
from harness.report.comparison import Compared
from harness.report.judged_run import JudgedRun
from harness.report.scorecard import Cell, Scorecard, markdown
from harness.report.summary import summary
from harness.scenario.shipped import located
from harness.store import RunFolder, decode, encode

_IDS_MAX = 5
_TITLE_MAX = 120


def run_summary(run: JudgedRun, compared: Compared | None) -> str:
    """Return a run in Markdown: the sentence, every expectation, what was found, and the command that repeats it."""
    verdict = run.verdict
    lines = [f"## {_text(run.plan.name)} on {_text(run.plan.chain.name)}", "", _text(summary(run)), ""]
    if verdict.expectations:
        lines += ["| | expectation | observed | 95 % | samples |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in verdict.expectations]
        lines.append("")
    found = words.by_weight(verdict.findings)
    lines += [f"- {words.finding(one)} **{one.id}**: {_text(one.message)}{_ids(one.requests)}" for one in found]
    told = " ".join(f.message for f in found)
    lines += [f"- {_text(reason)}" for reason in verdict.reasons if reason not in told]
    if command := run.environment.get("command"):
        lines += ["", "Do it again:", "", _code(command)]
    return _page(lines, compared)


def suite_summary(card: Scorecard, compared: Compared | None) -> str:
    """Return a suite in Markdown: its scorecard, which names each cell that did not pass and how to repeat it."""
    return _page([markdown(card)], compared)


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
    verdict = decode(encode(RunFolder(Path(shown.run)).verdict()), Verdict)
    return list(_annotations(verdict, Path(cell.file), root, f"{cell.scenario} on {cell.chain}", shown.command))


def _annotations(verdict: Verdict, scenario: Path, root: Path, name: str, again: str) -> Iterator[str]:
    lines = _lines(scenario)
    found, top = scenario.resolve(), root.resolve()
    file = (
        str(found.relative_to(top)) if found.is_relative_to(top) else ""
    )  # the checkout has no line of ours to point at
    asked = {row.metric for row in verdict.expectations if row.text.split()[:1] == ["no"]}
    for place, row in enumerate(verdict.expectations):
        if row.status is Status.FAIL:
            told = row.message or f"{row.text}: was {words.amount(row.observed, row.unit)}"
            yield _error(file, lines.get(place, 1), f"{name}: {row.text}", told, again)
    for one in verdict.findings:
        if one.status is Status.FAIL and one.severity == "required" and one.id not in asked:
            yield _error(file, 1, f"{name}: {one.id}", one.message + _ids(one.requests), again)


def _lines(scenario: Path) -> dict[int, int]:
    """Return the line of each expectation; none where the file has gone."""
    try:
        found = read(scenario).lines
    except HarnessError:
        return {}
    return {int(place[1]): line for place, line in found.items() if len(place) == 2 and place[0] == "expect"}


def _error(file: str, line: int, title: str, message: str, again: str) -> str:
    text = f"{message}\ndo it again: {again}" if again else message
    place = f"file={_value(file)},line={line}," if file else ""
    return f"::error {place}title={_value(title[:_TITLE_MAX])}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _value(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _row(row: ExpectationResult) -> str:
    cells = (
        words.status(row.status),
        f"`{' '.join(row.text.split())}`",  # nothing in it is HTML, for a code span has none
        _text(words.amount(row.observed, row.unit)),
        words.interval(row.ci, row.unit) or words.MISSING,
        words.samples(row),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ids(requests: Sequence[str]) -> str:
    return f" ({words.listed(requests, most=_IDS_MAX)})" if requests else ""


def _code(text: str) -> str:
    return f"```\n{text.replace('```', '')}\n```"


def _text(text: str) -> str:
    """Return a text in one line, which is no HTML."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


def _page(lines: list[str], compared: Compared | None) -> str:
    more = ["", comparison.markdown(compared)] if compared is not None else []
    return "\n".join([*lines, *more, ""])
