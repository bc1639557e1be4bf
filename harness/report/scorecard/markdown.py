"""The scorecard as Markdown: for a pull request, or to be read as it is."""

from __future__ import annotations

from harness import quantities
from harness.report.escape import markdown as escaped
from harness.report.escape import markdown_code
from harness.report.scorecard.model import Cell, Scorecard
from harness.report.scorecard.texts import MEANINGS, cell_texts, headline, not_run, overall, why, word

_REASONS_MAX = 5
_COLUMNS = (
    "scenario",
    "result",
    "success",
    "attempts",
    "wait after a failure",
    "time of affected requests",
    "time of affected requests, p95",
)


def markdown(card: Scorecard) -> str:
    """Return the whole page."""
    lines = ["# Scorecard", "", f"**{overall(card)}** — {escaped(headline(card))}. Started {card.started}.", ""]
    used = {cell.score for cell in card.cells}
    lines += [f"- {word(score)}: {meaning}" for score, meaning in MEANINGS.items() if score in used]
    if len(card.chains) > 1:
        lines += ["", *_matrix(card)]
    if broken := [cell for cell in card.cells if why(cell)]:
        lines += ["", "## What did not pass", ""]
        for cell in broken:
            lines += _broken(cell)
    for chain in card.chains:
        rows = [_row(cell) for cell in card.cells if cell.chain == chain]
        lines += ["", f"## {escaped(chain)}", "", *_table(_COLUMNS, rows)]
    if card.left_out:
        lines += ["", "## What was left out", "", *(f"- {escaped(not_run(each))}" for each in card.left_out)]
    return "\n".join([*lines, "", f"Repeat with: {markdown_code(card.command)}", ""])


def _matrix(card: Scorecard) -> list[str]:
    rows = []
    for file in card.scenarios:
        cells = {cell.chain: cell for cell in card.cells if cell.file == file}
        name = next(iter(cells.values())).scenario
        rows.append([name, *(word(cells[chain].score) if chain in cells else "" for chain in card.chains)])
    return _table(("scenario", *card.chains), rows)


def _row(cell: Cell) -> list[str]:
    texts = cell_texts(cell)
    passed = f" ({texts.passed})" if texts.passed else ""
    return [
        cell.scenario,
        word(cell.score) + passed,
        texts.success,
        texts.attempts,
        texts.first_gap,
        texts.total,
        texts.total_p95,
    ]


def _broken(cell: Cell) -> list[str]:
    reasons = why(cell)
    lines = [f"- **{escaped(cell.scenario)}** on {escaped(cell.chain)}: {word(cell.score)}"]
    lines += [f"  - {escaped(reason)}" for reason in reasons[:_REASONS_MAX]]
    lines += ["  - …"] if len(reasons) > _REASONS_MAX else []
    return [*lines, f"  - {markdown_code(cell.shown.command)}"]


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str] | tuple[str, ...]) -> str:
        return "| " + " | ".join(escaped(cell) or quantities.MISSING for cell in cells) + " |"

    return [line(columns), "|" + "---|" * len(columns), *map(line, rows)]
