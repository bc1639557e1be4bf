"""The verdict on a terminal, and where there is none."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.judge import Metrics, Status, Verdict
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.scorecard.model import Scorecard
from harness.report.scorecard.texts import cell_texts, headline, why, word
from harness.report.summary import summary

_STYLES = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_WIDTH_MIN = 80
_REASONS_MAX = 3


def print_run(run: JudgedRun, console: Console | None = None) -> None:
    """Print a run's answer, and where its report lies.

    Args:
        run: The run.
        console: Where to; standard output if None.
    """
    console = console or Console()
    print_verdict(run.verdict, run.metrics, console, sentence=summary(run))
    if run.path is not None:
        page = run.path / "report.html"
        console.print(Text(f"report: {page if page.is_file() else run.path}"), highlight=False, soft_wrap=True)


def print_verdict(verdict: Verdict, metrics: Metrics, console: Console, *, sentence: str = "") -> None:
    """Print the answer: the sentence, each expectation, the reasons, and the main numbers.

    Args:
        verdict: The answer.
        metrics: The numbers.
        console: Where to; without a terminal behind it the same words come plain.
        sentence: What `summary` says of the run; the status alone if empty.
    """
    width = None if console.is_terminal else max(_WIDTH_MIN, console.width)
    if sentence:
        word, _, rest = sentence.partition(" — ")
        _print(console, Text.assemble((word, _STYLES[verdict.status]), " — ", rest), width)
    else:
        _print(console, _status(verdict.status), width)
    if verdict.expectations:
        _print(console, _expectations(verdict), width)
    told = " ".join(verdict.reasons)
    untold = [f"{f.id}: {f.message}" for f in words.by_weight(verdict.findings) if f.message not in told]
    for reason in (*verdict.reasons, *untold):
        _print(console, Text(f"- {reason}"), width)
    if quiet := sum(finding.status is Status.PASS for finding in verdict.findings):
        _print(console, Text(f"{words.plural(quiet, 'conduct check')} found nothing", style="dim"), width)
    if line := _numbers(metrics):
        _print(console, Text(line, style="dim"), width)


def print_scorecard(card: Scorecard, console: Console | None = None) -> None:
    """Print every cell of a suite, for each that did not pass the command that repeats it, and where the page lies.

    Args:
        card: The suite's result.
        console: Where to; standard output if None.
    """
    console = console or Console()
    width = None if console.is_terminal else max(_WIDTH_MIN, console.width)
    table = _table("", "scenario", "chain", "success", "first gap", "total", "attempts")
    for cell in card.cells:
        seen = cell_texts(cell)
        score = Text(word(cell.score) + (f" ({seen.passed})" if seen.passed else ""), style=_STYLES[cell.status])
        row = (cell.scenario, cell.chain, seen.success, seen.first_gap, seen.total, seen.attempts)
        table.add_row(score, *(Text(text or words.MISSING) for text in row))
    _print(console, table, width)
    for cell in card.cells:
        for place, reason in enumerate(why(cell)[:_REASONS_MAX]):
            head = f"{word(cell.score)} {cell.scenario} on {cell.chain}: " if place == 0 else "  "
            _print(console, Text(head + reason, style="" if place else "bold"), width)
        if why(cell):
            console.print(Text(f"  {cell.shown.command}"), highlight=False, soft_wrap=True)
    _print(console, Text(headline(card)), width)
    console.print(Text(f"scorecard: {Path(card.path) / 'scorecard.html'}"), highlight=False, soft_wrap=True)


def _print(console: Console, what: Table | Text, width: int | None) -> None:
    console.print(what, width=width, highlight=False)


def _status(answer: Status) -> Text:
    return Text(words.status(answer), style=_STYLES[answer])


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in ("", "samples"))
    return table


def _expectations(verdict: Verdict) -> Table:
    table = _table("", "expectation", "observed", "95 %", "samples")
    for row in verdict.expectations:
        table.add_row(
            _status(row.status),
            Text(row.text),
            Text(words.amount(row.observed, row.unit)),
            Text(words.interval(row.ci, row.unit)),
            Text(words.samples(row)),
        )
    return table


def _numbers(metrics: Metrics) -> str:
    run = metrics.phases.get("run", {})
    shown = (
        ("success_rate", "success"),
        ("latency_p95", "latency p95"),
        ("fallback_overhead_p95", "fallback overhead p95"),
        ("amplification", "attempts per request"),
    )
    parts = [
        f"{name} {words.amount(value.value, value.unit)}"
        for key, name in shown
        if (value := run.get(key)) is not None and value.value is not None
    ]
    return f"whole run: {', '.join(parts)}" if parts else ""
