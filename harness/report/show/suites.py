"""Scorecards side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.quantities import plural
from harness.report.scorecard import Cell
from harness.report.scorecard.side_by_side import SuiteColumn, labels
from harness.report.scorecard.texts import cell_texts, why, word
from harness.report.show.block import Block, section
from harness.report.table import table

_REASONS_MAX = 2


def side_by_side(columns: Sequence[SuiteColumn]) -> Block:
    """Show what each chain or version came to in each scenario."""
    head = "<h2>Scorecards side by side</h2>"
    if not columns:
        return Block(
            f'{head}<p class="nothing">No suite is kept yet. <code>harness suite smoke --engine sim</code> makes one.</p>'
        )
    names = labels(columns)
    lines = "".join(
        f"<li><strong>{escape(name)}</strong>: {each.passed} of {plural(len(each.cells), 'scenario')} passed</li>"
        for name, each in zip(names, columns, strict=True)
    )
    rows = [
        [f"<strong>{escape(name)}</strong>", *(_cell(each.cells.get(name)) for each in columns)]
        for name in _scenarios(columns)
    ]
    return Block(f"{head}<ul>{lines}</ul>{table(('scenario', *names), rows)}")


def not_passed(columns: Sequence[SuiteColumn]) -> Block:
    """Show why cells did not pass."""
    if not columns:
        return Block("")
    rows = [
        [
            f"<strong>{escape(name)}</strong>",
            escape(label),
            _badge(cell),
            _reasons(cell),
            f"<code>{escape(cell.shown.command)}</code>",
        ]
        for name in _scenarios(columns)
        for label, each in zip(labels(columns), columns, strict=True)
        if (cell := each.cells.get(name)) is not None and why(cell)
    ]
    title = "What did not pass, and why?"
    if not rows:
        return section("not-passed", title, '<p class="nothing">Everything passed.</p>')
    return section("not-passed", title, table(("scenario", "chain", "result", "why", "repeat with"), rows))


def _scenarios(columns: Sequence[SuiteColumn]) -> list[str]:
    return [*dict.fromkeys(name for each in columns for name in each.cells)]


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return '<span class="ci">not run</span>'
    texts = cell_texts(cell)
    below = [
        f"success {texts.success}" if texts.success else "",
        f"affected requests {texts.total}" if texts.total else "",
        texts.passed,
    ]
    return _badge(cell) + "".join(f'<span class="ci">{escape(text)}</span>' for text in below if text)


def _badge(cell: Cell) -> str:
    return f'<span class="status {cell.score}">{escape(word(cell.score))}</span>'


def _reasons(cell: Cell) -> str:
    found = why(cell)
    more = f"<li>and {len(found) - _REASONS_MAX} more</li>" if len(found) > _REASONS_MAX else ""
    return f"<ul>{''.join(f'<li>{escape(reason)}</li>' for reason in found[:_REASONS_MAX])}{more}</ul>"
