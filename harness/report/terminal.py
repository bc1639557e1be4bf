"""The verdict on a terminal, and how far a run has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from harness.judge import Metrics, Status, Verdict
from harness.report import words
from harness.report.run import Run
from harness.report.summary import summary
from harness.store import RunFolder

_STYLES = {Status.PASS: "bold green", Status.FAIL: "bold red", Status.INCONCLUSIVE: "bold yellow"}
_LINE_EVERY_S = 10.0
_TICK_S = 0.25
_WIDTH_MIN = 80


def print_run(folder: RunFolder, verdict: Verdict, metrics: Metrics) -> None:
    """Print a run's answer on stdout, and where its report lies."""
    run = Run.of(folder.plan(), folder.history(), verdict=verdict, metrics=metrics, path=folder.path)
    console = Console()
    print_verdict(verdict, metrics, console, sentence=summary(run))
    shown = folder.report if folder.report.is_file() else folder.path
    console.print(Text(f"report: {shown}"), highlight=False, soft_wrap=True)


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


class Progress:
    """How far a run has come: a bar that names the phase on a terminal, a line every 10 s elsewhere.

    It goes by the clock, on a thread of its own, so that whoever works need not tell it anything but the phases.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._lock = threading.Lock()
        self._name = ""
        self._total_s: float | None = None
        self._began_at = self._said_at = clock()
        self._task: TaskID | None = None
        self._bar = _bar(console) if console.is_terminal else None
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick_on, name="progress", daemon=True)

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a phase, which takes `total_s` seconds, about, if that is known."""
        with self._lock:
            self._name, self._total_s, self._began_at = name, total_s, self._clock()
            if self._bar is None:
                self._line()
                return
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(escape(name), total=total_s)

    def say(self, text: str) -> None:
        """Tell one thing worth knowing, on a line of its own."""
        with self._lock:
            self._console.print(Text(text), highlight=False, soft_wrap=True)

    def tick(self) -> None:
        """Show how far the phase has come by the clock."""
        with self._lock:
            if not self._name:
                return
            if self._bar is not None and self._task is not None:
                done_s = self._clock() - self._began_at
                far_s = done_s if self._total_s is None else min(done_s, self._total_s)
                self._bar.update(self._task, completed=far_s, refresh=True)
            elif self._bar is None and self._clock() - self._said_at >= _LINE_EVERY_S:
                self._line()

    def _line(self) -> None:
        self._said_at = self._clock()
        done_s = self._said_at - self._began_at
        far = f": {min(done_s, self._total_s):.0f} of {self._total_s:.0f} s" if self._total_s else ""
        far = far or (f": {done_s:.0f} s" if done_s >= 1 else "")
        self._console.print(Text(f"{self._name}{far}"), highlight=False, soft_wrap=True)

    def _tick_on(self) -> None:
        while not self._stop.wait(_TICK_S):
            self.tick()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._ticker.join()
        if self._bar is not None:
            self._bar.stop()


def progress() -> Progress:
    """Return how far a run has come, on stderr; use it as a context manager."""
    return Progress(Console(stderr=True))


def _bar(console: Console) -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        auto_refresh=False,
    )
