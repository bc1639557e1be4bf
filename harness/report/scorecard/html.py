"""The scorecard as a page without any other file: light and dark, and on a phone each row becomes a card."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from harness import quantities
from harness.judge import Score
from harness.judge.metrics import METRICS
from harness.report import glossary
from harness.report.page import page
from harness.report.scorecard.model import Cell, Scorecard
from harness.report.scorecard.texts import GLYPHS, MEANINGS, cell_texts, headline, not_run, overall, why, word
from harness.report.table import table

_OWN_STYLE = Path(__file__).with_name("scorecard.css")
_RUNS_MAX = 3
_COLUMNS = ("scenario", "result", "success", "attempts", "wait after a failure", "time of affected requests", "run")

_MEANINGS = {"success": METRICS["success_rate"].meaning}


def html(card: Scorecard) -> str:
    """Return the whole page. Names and messages come from files: all text is escaped."""
    parts = [
        "<h1>Scorecard</h1>",
        f'<p class="summary {card.status}"><strong>{escape(overall(card))}</strong> — {escape(headline(card))}.</p>',
        _legend(card),
    ]
    if len(card.chains) > 1:
        parts.append(_matrix(card))
    for place, chain in enumerate(card.chains):
        rows = [_row(card, cell) for cell in card.cells if cell.chain == chain]
        parts.append(f'<h2 id="chain-{place}">{escape(chain)}</h2>' + table(_COLUMNS, rows, meanings=_MEANINGS))
    if broken := [cell for cell in card.cells if why(cell)]:
        parts.append("<h2>What did not pass</h2>" + "".join(map(_broken, broken)))
    if card.left_out:
        lines = "".join(f"<li>{escape(not_run(each))}</li>" for each in card.left_out)
        parts.append(f"<h2>What was left out</h2><ul>{lines}</ul>")
    parts.append(f"<p>Started {escape(card.started)}. Repeat with: <code>{escape(card.command)}</code></p>")
    parts.append(glossary.definitions("".join(parts)))
    return page("Scorecard", "\n".join(parts), _OWN_STYLE.read_text(encoding="utf-8"))


def _legend(card: Scorecard) -> str:
    used = {cell.score for cell in card.cells}
    lines = [f"<li>{_badge(score)} {escape(MEANINGS[score])}</li>" for score in Score if score in used]
    return f'<ul class="legend">{"".join(lines)}</ul>'


def _matrix(card: Scorecard) -> str:
    rows = []
    for file in card.scenarios:
        cells = {cell.chain: cell for cell in card.cells if cell.file == file}
        first = next(iter(cells.values()))
        rows.append([_scenario(first), *(_link(card, cells.get(chain)) for chain in card.chains)])
    return table(("scenario", *card.chains), rows)


def _link(card: Scorecard, cell: Cell | None) -> str:
    return "" if cell is None else f'<a href="#{_id(card, cell)}">{_badge(cell.score)}</a>'


def _row(card: Scorecard, cell: Cell) -> list[str]:
    texts = cell_texts(cell)
    passed = f'<span class="ci">{escape(texts.passed)}</span>' if texts.passed else ""
    p95 = f'<span class="ci">p95 {escape(texts.total_p95)}</span>' if texts.total_p95 else ""
    return [
        f'<span id="{_id(card, cell)}">{_scenario(cell)}</span>',
        _badge(cell.score) + passed,
        escape(texts.success) or quantities.MISSING,
        "<br>".join(f'<span class="id">{escape(part)}</span>' for part in texts.attempts.split(", "))
        or quantities.MISSING,
        _spread(texts.first_gap),
        _spread(texts.total) + p95,
        _runs(card, cell),
    ]


def _spread(text: str) -> str:
    """Return a number with its interval on a line of its own."""
    number, _, around = text.partition(" (")
    return (escape(number) or quantities.MISSING) + (f'<span class="ci">{escape(around[:-1])}</span>' if around else "")


def _runs(card: Scorecard, cell: Cell) -> str:
    """Return links to the runs; many are folded up, each with its score."""
    kept = [run for run in cell.runs if run.run]
    many = len(kept) > _RUNS_MAX
    links = [
        f'<a class="id" href="{escape(_relative(card, run.run or ""))}">'
        f"{f'{escape(GLYPHS[run.score])} ' if many and run.score else ''}seed {run.seed}</a>"
        for run in kept
    ]
    if not many:
        return "<br>".join(links)
    return f"<details><summary>{quantities.plural(len(kept), 'run')}</summary>{'<br>'.join(links)}</details>"


def _id(card: Scorecard, cell: Cell) -> str:
    return f"cell-{card.cells.index(cell)}"


def _scenario(cell: Cell) -> str:
    return f'<strong>{escape(cell.scenario)}</strong><span class="ci title">{escape(cell.title)}</span>'


def _relative(card: Scorecard, run: str) -> str:
    """Return a link to a run's page, or to its folder where it has no page (yet)."""
    page = Path(run) / "report.html"
    return Path(os.path.relpath(page if page.is_file() else run, card.path)).as_posix()


def _broken(cell: Cell) -> str:
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in why(cell))
    shown = cell.shown
    page = f"<p>Make its report with: <code>harness report {escape(shown.run)}</code></p>" if shown.run else ""
    return (
        f"<h3>{_badge(cell.score)} {escape(cell.scenario)} on {escape(cell.chain)}</h3><ul>{reasons}</ul>"
        f"<p>Repeat with: <code>{escape(shown.command)}</code></p>{page}"
    )


def _badge(score: Score) -> str:
    return f'<span class="status {score}">{escape(word(score))}</span>'
