"""The numbers and words of a scorecard, the same everywhere. Plain text: the code that prints it escapes it."""

from __future__ import annotations

from dataclasses import dataclass

from harness import quantities
from harness.judge import Score, over_runs
from harness.report.scorecard.model import Cell, LeftOut, Scorecard, counts

GLYPHS = {Score.PASS: "✓", Score.PARTIAL: "◐", Score.SAFE: "◇", Score.FAIL: "✗", Score.INCONCLUSIVE: "?"}
MEANINGS = {
    Score.PASS: "all expectations were met",
    Score.PARTIAL: "callers got their answers, but another expectation was not met",
    Score.SAFE: "callers did not get their answers, but clear errors in time",
    Score.FAIL: "callers were misled, answered twice, or left waiting",
    Score.INCONCLUSIVE: "the run could not answer the question",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTexts:
    """What a cell shows, as text; empty where there is nothing.

    Attributes:
        success: Share of requests with a complete answer.
        attempts: Attempts at each provider.
        first_gap: From the first failed attempt's end to the next attempt, median.
        total: Latency of the requests that a fault changed, median.
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
        attempts.append(f"{name} {quantities.count(mean)}")
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
    shown = quantities.amount(mean, unit)
    if around is None or {quantities.amount(end, unit) for end in around} == {shown}:
        return shown
    return f"{shown} ({quantities.interval(around, unit)})"


def word(score: Score) -> str:
    """Return a score with its symbol: no reader has to tell colours apart."""
    return f"{GLYPHS[score]} {score.value}"


def overall(card: Scorecard) -> str:
    """Return the whole suite's status, written like a cell's score."""
    return word(Score(card.status.value))


def headline(card: Scorecard) -> str:
    """Return the result in one line."""
    found = ", ".join(f"{count} {score.value}" for score, count in counts(card.cells).items())
    took = (
        f"; {quantities.duration(card.own_s * 1e9)} of runs took {quantities.duration(card.wall_s * 1e9)}"
        if card.wall_s
        else ""
    )
    left_out = f"; {len(card.left_out)} left out" if card.left_out else ""
    return f"{quantities.plural(len(card.cells), 'result')}: {found}{left_out}{took}"


def not_run(each: LeftOut) -> str:
    """Return which scenario was left out, and why, in one line."""
    return f"{each.scenario} was not run on {each.chain}: {each.why}"


def why(cell: Cell) -> list[str]:
    """Return why a cell did not pass; a failure of the harness comes first."""
    if cell.score is Score.PASS:
        return []
    shown = cell.shown
    if not shown.ended:
        return ["not run"]
    found = [shown.error] if shown.error else []
    return found + [reason for reason in shown.reasons if reason not in shown.error]
