"""The verdict on a terminal, and where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness import quantities
from harness.judge import RUN, Finding, Metrics, Status, Value, Verdict
from harness.judge.metrics import METRICS, key
from harness.report import console as output
from harness.report import words
from harness.report.decisive import decisive, remedies
from harness.report.judged_run import JudgedRun
from harness.report.remedies import how_to_measure, print_remedies
from harness.report.scorecard.model import Scorecard
from harness.report.scorecard.texts import cell_texts, headline, not_run, why, word
from harness.report.summary import summary

_STYLES = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_REASONS_MAX = 3
_REMEDIES_MAX = 2
_MAIN = (("success_rate", ""), ("latency", "p95"), ("fallback_overhead", "p95"), ("amplification", ""))
"""The metrics that the last line gives of the whole run."""


def print_run(run: JudgedRun, console: Console | None = None) -> None:
    """Print a run's verdict, and where its report is.

    Args:
        run: The run.
        console: Where to; standard output if None.
    """
    console = console or Console()
    print_verdict(run.verdict, run.metrics, console, sentence=summary(run))
    if run.remedies is not None:
        print_remedies(run.remedies, console, diffs=False)
    elif command := how_to_measure(run):
        output.line(console, f"which setting would have helped: {command}", whole=True)
    if run.path is not None:
        page = run.path / "report.html"
        output.line(console, f"report: {page if page.is_file() else run.path}", whole=True)


def print_verdict(verdict: Verdict, metrics: Metrics, console: Console, *, sentence: str = "") -> None:
    """Print the sentence, each expectation, the findings, the other reasons, and the main numbers.

    Args:
        verdict: The answer.
        metrics: The numbers.
        console: Where to; without a terminal the same words come plain.
        sentence: From `summary`; the status alone if empty.
    """
    if sentence:
        word_, _, rest = sentence.partition(" — ")
        output.line(console, Text.assemble((word_, _STYLES[verdict.status]), " — ", output.text(rest)))
    else:
        output.line(console, _status(verdict.status))
    if verdict.expectations:
        rows = [
            (
                _status(row.status),
                row.text,
                words.observed(row),
                words.around(row),
                words.samples(row),
            )
            for row in verdict.expectations
        ]
        output.table(console, ("", "expectation", "observed", "95 % interval", "samples"), rows)
    for finding in words.by_weight(verdict.findings):
        output.line(console, _finding(finding))
    for reason in words.other_reasons(verdict):
        output.line(console, f"- {reason}")
    for remedy in list(remedies(decisive(verdict)))[:_REMEDIES_MAX]:
        output.line(console, Text.assemble(("What to do: ", "bold"), output.text(remedy)))
    if quiet := sum(finding.status is Status.PASS for finding in verdict.findings):
        output.line(console, f"{quantities.plural(quiet, 'behaviour check')} passed", "dim")
    for numbers in _numbers(metrics):
        output.line(console, numbers, "dim")


def print_scorecard(card: Scorecard, console: Console | None = None) -> None:
    """Print every result of a suite, the command that repeats each that is no pass, and where the page is.

    Args:
        card: The suite's scorecard.
        console: Where to; standard output if None.
    """
    console = console or Console()
    rows = []
    for cell in card.cells:
        texts = cell_texts(cell)
        score = word(cell.score) + (f" ({texts.passed})" if texts.passed else "")
        rows.append(
            (
                Text(score, style=_STYLES[cell.status]),
                cell.scenario,
                cell.chain,
                texts.success,
                texts.first_gap,
                texts.total,
                texts.attempts,
            )
        )
    columns = ("", "scenario", "chain", "success", "wait after a failure", "time of affected requests", "attempts")
    output.table(console, columns, rows)
    for cell in card.cells:
        for place, reason in enumerate(why(cell)[:_REASONS_MAX]):
            head = f"{word(cell.score)} {cell.scenario} on {cell.chain}: " if place == 0 else "  "
            output.line(console, head + reason, "" if place else "bold")
        if why(cell):
            output.line(console, f"  {cell.shown.command}", whole=True)
    for each in card.left_out:
        output.line(console, not_run(each))
    output.line(console, headline(card))
    output.line(console, f"scorecard: {Path(card.path) / 'scorecard.html'}", whole=True)


def _status(answer: Status) -> Text:
    return Text(words.status(answer), style=_STYLES[answer])


def _finding(finding: Finding) -> Text:
    style = "bold" if words.noted(finding) else _STYLES[finding.status]
    name = f"{words.finding_name(finding.id)} ({finding.id})"
    return Text.assemble((words.finding(finding), style), "  ", (name, "bold"), ": ", output.text(finding.message))


def _numbers(metrics: Metrics) -> list[str]:
    """Return the main numbers of the whole run, and of each kind of request where there are several."""
    of_kinds = {kind: phases.get(RUN, {}) for kind, phases in metrics.kinds.items()}
    named = {"whole run": metrics.phases.get(RUN, {}), **of_kinds}
    return [f"{name}: {text}" for name, values in named.items() if (text := _main(values))]


def _main(run: Mapping[str, Value]) -> str:
    parts = [
        f"{METRICS[metric].label} {part} ".replace("  ", " ") + quantities.amount(value.value, value.unit)
        for metric, part in _MAIN
        if (value := run.get(key(metric, part))) is not None and value.value is not None
    ]
    return ", ".join(parts)
