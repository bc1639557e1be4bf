"""A cell's numbers and words, the same in Markdown and HTML. Plain text: escaping is the business of whoever prints it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.judge import Score, over_runs
from harness.report import words
from harness.report.scorecard.model import Cell, Scorecard, counts

GLYPHS = {Score.PASS: "✓", Score.PARTIAL: "◐", Score.SAFE: "◇", Score.FAIL: "✗", Score.INCONCLUSIVE: "?"}
MEANINGS = {
    Score.PASS: "everything that was expected held",
    Score.PARTIAL: "callers got their answers, but something else that was expected did not hold",
    Score.SAFE: "callers got errors, honest ones and in time",
    Score.FAIL: "callers were harmed: deceived, answered twice, or left waiting",
    Score.INCONCLUSIVE: "the run did not test what it claims",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTexts:
    """What a cell shows, as text; empty where there is nothing.

    Attributes:
        success: Share of requests with their whole answer.
        attempts: Attempts at each provider.
        first_gap: From the first failed attempt's end to the next attempt, median.
        total: Latency of the requests that a fault touched, median.
        total_p95: The same, 95th percentile.
        passed: `3 of 5 passed`, where there are several.
    """

    success: str
    attempts: str
    first_gap: str
    total: str
    total_p95: str
    passed: str


def cell_texts(cell: Cell) -> CellTexts:
    """Return a cell's numbers; of several runs the mean, with its interval from five runs on, else the range."""
    tallies = cell.tallies
    names = dict.fromkeys(name for tally in tallies for name in tally.attempts or ())
    attempts = []
    for name in names:
        mean, _ = over_runs([(tally.attempts or {}).get(name, 0) for tally in tallies])
        attempts.append(f"{name} {words.count(mean)}")
    return CellTexts(
        success=_text([tally.success for tally in tallies], "share"),
        attempts=", ".join(attempts),
        first_gap=_text([tally.first_gap_ns for tally in tallies], "ns"),
        total=_text([tally.total_p50_ns for tally in tallies], "ns"),
        total_p95=_text([tally.total_p95_ns for tally in tallies], "ns"),
        passed=f"{cell.passed} of {len(cell.runs)} passed" if len(cell.runs) > 1 else "",
    )


def _text(values: list[float | None], unit: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean, around = over_runs(known)
    shown = words.amount(mean, unit)
    if around is None or {words.amount(end, unit) for end in around} == {shown}:
        return shown
    return f"{shown} ({words.interval(around, unit)})"


def word(score: Score) -> str:
    """Return a score with its symbol: no colour is needed to read it."""
    return f"{GLYPHS[score]} {score.value}"


def overall(card: Scorecard) -> str:
    """Return what the whole suite came to, as a cell's score is written."""
    return word(Score(card.status.value))


def headline(card: Scorecard) -> str:
    """Return the result in one line."""
    found = ", ".join(f"{count} {score.value}" for score, count in counts(card.cells).items())
    took = (
        f"; took {words.duration(card.wall_s * 1e9)} for {words.duration(card.own_s * 1e9)} of runs"
        if card.wall_s
        else ""
    )
    return f"{words.plural(len(card.cells), 'cell')}: {found}{took}"


def why(cell: Cell) -> list[str]:
    """Return why a cell is no pass; a harness failure comes first."""
    if cell.score is Score.PASS:
        return []
    shown = cell.shown
    if not shown.ended:
        return ["not run"]
    found = [shown.error] if shown.error else []
    return found + [reason for reason in shown.reasons if reason not in shown.error]
