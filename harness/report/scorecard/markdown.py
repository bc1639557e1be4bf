"""The scorecard as Markdown: for a pull request, or a terminal."""

from __future__ import annotations

from harness.report import words
from harness.report.scorecard.model import Cell, Scorecard
from harness.report.scorecard.texts import MEANINGS, cell_texts, headline, overall, why, word

_REASONS_MAX = 5
_COLUMNS = ("scenario", "score", "success", "attempts", "first gap", "total", "total p95")


def markdown(card: Scorecard) -> str:
    """Return the whole page."""
    lines = ["# Scorecard", "", f"**{overall(card)}** — {_plain(headline(card))}. Started {card.started}.", ""]
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
        lines += ["", f"## {_plain(chain)}", "", *_table(_COLUMNS, rows)]
    return "\n".join([*lines, "", f"Do it again: `{card.command}`", ""])


def _matrix(card: Scorecard) -> list[str]:
    rows = []
    for file in card.scenarios:
        cells = {cell.chain: cell for cell in card.cells if cell.file == file}
        name = next(iter(cells.values())).scenario
        rows.append([name, *(word(cells[chain].score) if chain in cells else "" for chain in card.chains)])
    return _table(("scenario", *card.chains), rows)


def _row(cell: Cell) -> list[str]:
    seen = cell_texts(cell)
    passed = f" ({seen.passed})" if seen.passed else ""
    return [
        cell.scenario,
        word(cell.score) + passed,
        seen.success,
        seen.attempts,
        seen.first_gap,
        seen.total,
        seen.total_p95,
    ]


def _broken(cell: Cell) -> list[str]:
    reasons = why(cell)
    lines = [f"- **{_plain(cell.scenario)}** on {_plain(cell.chain)}: {word(cell.score)}"]
    lines += [f"  - {_plain(reason)}" for reason in reasons[:_REASONS_MAX]]
    lines += ["  - …"] if len(reasons) > _REASONS_MAX else []
    return [*lines, f"  - `{cell.shown.command}`"]


def _table(columns: tuple[str, ...], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str] | tuple[str, ...]) -> str:
        return "| " + " | ".join(_plain(cell) or words.MISSING for cell in cells) + " |"

    return [line(columns), "|" + "---|" * len(columns), *map(line, rows)]


def _plain(text: str) -> str:
    """Return a text that is no table's bar, no line's end and no HTML: names and reasons come from files."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").split())
