"""The verdict on a terminal, and how far a run has come."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from harness.judge import Finding, Metrics, Status, Verdict
from harness.report import words
from harness.report.run import Run
from harness.report.summary import summary

_STYLES = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_LINE_EVERY_S = 10.0
_WIDTH_MIN = 80


def print_verdict(verdict: Verdict, metrics: Metrics, console: Console, *, sentence: str = "") -> None:
    """Print the answer: the sentence, each expectation, what was found, and the main numbers.

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
    found = [finding for finding in verdict.findings if finding.status is not Status.PASS]
    if found:
        _print(console, _findings(found), width)
    if verdict.findings and not found:
        _print(console, Text(f"{words.plural(len(verdict.findings), 'conduct check')}, nothing found"), width)
    for reason in verdict.reasons:
        _print(console, Text(f"- {reason}"), width)
    if line := _numbers(metrics):
        _print(console, Text(line, style="dim"), width)


def print_run(run: Run, console: Console | None = None) -> None:
    """Print a run's verdict, and where its report is.

    Args:
        run: A run with a folder.
        console: Where to; standard output if None.
    """
    console = console or Console()
    print_verdict(run.verdict, run.metrics, console, sentence=summary(run))
    if run.path is not None:
        console.print(Text(f"report: {run.path / 'report.html'}"), highlight=False, soft_wrap=True)


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
        text = Text(row.text)
        if row.message and row.status is not Status.PASS:
            text.append(f"\n{row.message}", style="dim")
        table.add_row(
            _status(row.status),
            text,
            Text(words.amount(row.observed, row.unit)),
            Text(words.interval(row.ci, row.unit)),
            Text(words.samples(row)),
        )
    return table


def _findings(found: list[Finding]) -> Table:
    table = _table("", "finding", "what was seen")
    for finding in sorted(found, key=lambda f: (f.status is not Status.FAIL, f.severity != "required")):
        name = Text(finding.id)
        if finding.severity == "advisory":
            name.append(" (advisory)", style="dim")
        seen = Text(finding.message)
        if finding.requests:
            seen.append(f" [{words.listed(finding.requests, most=2)}]", style="dim")
        table.add_row(_status(finding.status), name, seen)
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


class Progress:
    """How far a run has come: a bar that names the phase on a terminal, a line every 10 s elsewhere.

    Use as a context manager; `phase` begins a phase, `advance` tells how far it is. Without an `advance` for a while
    nothing is printed: the caller ticks.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._name = ""
        self._total_s = 0.0
        self._done_s = 0.0
        self._said_at: float | None = None
        self._task: TaskID | None = None
        self._bar: RichProgress | None = None
        if console.is_terminal:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f} of {task.total:.0f} s"),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )

    def phase(self, name: str, total_s: float) -> None:
        """Begin a phase that takes `total_s` seconds, about."""
        self._name, self._total_s, self._done_s = name, total_s, 0.0
        if self._bar is None:
            self._say()
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(escape(name), total=total_s)

    def advance(self, seconds: float) -> None:
        """Say that the phase is further by `seconds`."""
        self._done_s = min(self._total_s, self._done_s + seconds)
        if self._bar is not None:
            if self._task is not None:
                self._bar.update(self._task, completed=self._done_s)
        elif self._said_at is None or self._clock() - self._said_at >= _LINE_EVERY_S:
            self._say()

    def _say(self) -> None:
        self._said_at = self._clock()
        text = f"{self._name}: {self._done_s:.0f} of {self._total_s:.0f} s"
        self._console.print(Text(text), highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
