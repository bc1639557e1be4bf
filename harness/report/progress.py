"""How far a run is: on a terminal a bar that names the phase, and what happens; elsewhere a line every 10 s."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.markup import escape as no_markup
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from harness.report import escape
from harness.report.live_view import live_view
from harness.watch.watching import Watch

TICK_S = 0.2
LINE_EVERY_S = 10.0


class RunProgress:
    """Shows how far the current phase is, on a thread of its own, from entering until leaving.

    Args:
        console: Where to; standard error if None, standard output is for the verdict.
        clock: Seconds that never go back.
        watch: What happens in the runs; None shows only how far they are.
        quiet: Show neither, but what is worth knowing.
    """

    def __init__(
        self,
        console: Console | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        watch: Watch | None = None,
        quiet: bool = False,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._quiet = quiet
        self._clock = clock
        self._lock = threading.Lock()
        self._bar = _Screen(self._console, watch) if self._console.is_terminal and not quiet else None
        self._task = self._bar.add_task("", total=None, time="", visible=False) if self._bar else None
        self._name = ""
        self._total_s: float | None = None
        self._runs: _RunCount | None = None
        self._began_s = clock()
        self._printed_s = self._began_s - LINE_EVERY_S
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work.

        Args:
            name: What it is.
            total_s: How long it takes, in seconds; None if unknown.
        """
        with self._lock:
            self._name, self._total_s, self._began_s = name, total_s, self._clock()
            self._runs = None

    def count(self, done: int, total: int) -> None:
        """Set how many of the runs are done; the first call begins a named part of the work.

        Args:
            done: Runs that are done.
            total: All runs.
        """
        with self._lock:
            if self._runs is None:
                self._runs = _RunCount()
            self._runs.add(done, total, self._clock())

    def say(self, text: str) -> None:
        """Print a message on a line of its own."""
        self._console.print(Text(escape.terminal(text)), highlight=False, soft_wrap=True)

    def show(self) -> None:
        """Show how far the phase is, if it is time to."""
        if self._quiet:
            return
        with self._lock:
            now_s = self._clock()
            total: float | None
            done: float
            if self._runs is not None:
                name, (done, total, shown) = "runs", self._runs.shown(now_s)
            else:
                name, total, done = self._name, self._total_s, now_s - self._began_s
                shown = f"{done:.0f} s" if total is None else f"{min(done, total):.0f} of {total:.0f} s"
        if self._bar is not None and self._task is not None:
            label = no_markup(f"{name:>10}")
            self._bar.update(
                self._task,
                description=label,
                total=total,
                completed=done,
                time=shown,
                visible=bool(name),
                refresh=True,
            )
        elif name and now_s - self._printed_s >= LINE_EVERY_S:
            self._printed_s = now_s
            self.say(f"{name}: {shown}")

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            self.show()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._ticker.join()
        if self._bar is not None:
            self._bar.stop()


class _RunCount:
    """How many runs are done, and how long the others will take at this rate."""

    def __init__(self) -> None:
        self._done = self._total = self._first = 0
        self._first_s: float | None = None

    def add(self, done: int, total: int, now_s: float) -> None:
        """Set how many are done. The rate counts from the first one on: before it, imports took the time."""
        self._done, self._total = done, total
        if done and self._first_s is None:
            self._first, self._first_s = done, now_s

    def shown(self, now_s: float) -> tuple[int, int, str]:
        """Return how many are done, of how many, and the same in words with the time left."""
        text = f"{self._done} of {self._total} done"
        since = self._done - self._first
        if self._first_s is not None and since > 0:
            left_s = (now_s - self._first_s) / since * (self._total - self._done)
            text += f", about {math.ceil(left_s)} s left"
        return self._done, self._total, text


class _Screen(Progress):
    """A bar and what happens below it, drawn only by `show`, on one thread."""

    def __init__(self, console: Console, watch: Watch | None) -> None:
        self._watch = watch
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[time]}"))
        super().__init__(*columns, console=console, transient=True, auto_refresh=False)

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar, and what happens in the runs that go on."""
        yield self.make_tasks_table(self.tasks)
        if self._watch is not None:
            yield from live_view(self._watch.going)


class SearchProgress:
    """How far a search is: a line that is overwritten on a terminal, a line every 10 s elsewhere.

    Args:
        console: Where to; standard error if None.
        clock: Seconds that never go back.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._began_s = clock()
        self._printed_s = self._began_s

    def show(self, tried: int, found: int) -> None:
        """Show how many timelines were tried and how many finds there are, if it is time to."""
        now_s = self._clock()
        if now_s - self._printed_s < (TICK_S if self._console.is_terminal else LINE_EVERY_S):
            return
        self._printed_s = now_s
        line = f"tried {tried} timelines, {60 * tried / (now_s - self._began_s):.0f}/min, found {found}"
        if self._console.is_terminal:
            self._console.print(Text(f"\r\x1b[2K{line}"), end="", highlight=False, soft_wrap=True)
        else:
            self.say(line)

    def say(self, text: str) -> None:
        """Print a message on a line of its own."""
        self.end()
        self._console.print(Text(escape.terminal(text)), highlight=False, soft_wrap=True)

    def end(self) -> None:
        """Remove the line."""
        if self._console.is_terminal:
            self._console.print(Text("\r\x1b[2K"), end="", highlight=False)
