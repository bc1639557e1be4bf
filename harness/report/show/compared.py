"""What changed from one run or suite to another."""

from __future__ import annotations

from html import escape
from pathlib import Path

from harness.judge import Status
from harness.judge.comparison.changes import Comparison, Trend
from harness.quantities import plural
from harness.report.comparison import Compared, ComparedCell, headline, moved, moved_rows, trend_word
from harness.report.show.block import Block, code, nothing, section
from harness.report.table import table
from harness.report.trends import ANSWERS

_CLASSES = {Trend.WORSE: Status.FAIL, Trend.BETTER: Status.PASS}
_GREY = Status.INCONCLUSIVE
_NAMED_MAX = 5
_FOLDED_FROM = 3
"""Of so many scenarios or more, the tables are folded up."""


def better_or_worse(compared: Compared) -> Block:
    """Answer whether something became better or worse: for both sides as a whole, and for each scenario on each chain."""
    answers = [_answer(cell) for cell in compared.cells]
    whole = next((trend for trend in (Trend.WORSE, Trend.BETTER) if trend in answers), Trend.UNKNOWN)
    word = ANSWERS[whole]
    counts = ", ".join(f"{answers.count(trend)} {name}" for trend, name in ANSWERS.items() if trend in answers)
    many = f": {counts}" if len(answers) > 1 else ""
    sides = " → ".join(f"<code>{escape(_short(path))}</code>" for path in (compared.before, compared.after) if path)
    return Block(
        f'<h2>Better or worse?</h2><p class="summary {_CLASSES.get(whole, _GREY)}"><strong>{word[0].upper()}{word[1:]}'
        f"</strong>{escape(many)}. {sides}</p>" + "".join(_line(cell) for cell in compared.cells)
    )


def differences(compared: Compared) -> Block:
    """Show each number and check that differs, with what chance can explain; or why there is nothing to show."""
    compared_cells = [cell for cell in compared.cells if cell.comparison is not None]
    if not compared_cells:
        why = "Nothing was compared: the line above says why."
        return nothing("differences", "What differs?", why, shown_by="harness suite smoke --engine sim --repeat 8")
    folded = len(compared_cells) >= _FOLDED_FROM
    return section("differences", "What differs?", *(_table(cell, folded=folded) for cell in compared_cells))


def _answer(cell: ComparedCell) -> Trend:
    return cell.comparison.answer if cell.comparison else Trend.UNKNOWN


def _line(cell: ComparedCell) -> str:
    answer = _answer(cell)
    found = moved(cell.comparison, answer) if cell.comparison and answer is not Trend.UNKNOWN else []
    more = [f"and {len(found) - _NAMED_MAX} more, in the table below"] if len(found) > _NAMED_MAX else []
    items = "".join(f"<li>{escape(text)}</li>" for text in [*found[:_NAMED_MAX], *more])
    return (
        f'<p><span class="status {_CLASSES.get(answer, _GREY)}">{ANSWERS[answer]}</span> '
        f"<strong>{escape(cell.scenario)} on {escape(cell.chain)}</strong>: {code(headline(cell))}.</p>"
        + (f"<ul>{items}</ul>" if items else "")
    )


def _table(cell: ComparedCell, *, folded: bool) -> str:
    comparison = cell.comparison
    assert comparison is not None
    title = f"{cell.scenario} on {cell.chain}"
    shown = _rows(comparison)
    same = sum(change.difference == 0 for change in comparison.changes)
    rest = f'<p class="nothing">{plural(same, "number")} did not change at all.</p>'
    if not shown:
        return f'<h3>{escape(title)}</h3><p class="nothing">No number and no check differs.</p>{rest}'
    columns = ("change", "what", "before", "after", "difference")
    if folded:
        inner = table(columns, shown) + rest
        return f'<details class="passed"><summary>{escape(title)}: {plural(len(shown), "difference")}</summary>{inner}</details>'
    return table(columns, shown, caption=title) + rest


def _rows(comparison: Comparison) -> list[list[str]]:
    return [
        [
            f'<span class="status {_CLASSES.get(trend, _GREY)}">{trend_word(trend)}</span>',
            f"<code>{escape(texts[0])}</code>",
            *map(escape, texts[1:]),
        ]
        for trend, texts in moved_rows(comparison)
    ]


def _short(path: str) -> str:
    """Return the end of a path that names a run or suite."""
    return "/".join(Path(path).parts[-2:])
