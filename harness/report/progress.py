"""How far a run has come: a bar that names the phase on a terminal, a line every 10 s elsewhere."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

TICK_S = 0.2
LINE_EVERY_S = 10.0


class RunProgress:
    """Tells by itself how far the current phase is, from entering until leaving.

    Args:
        console: Where to; standard error, so that standard output is the verdict's alone.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar = (
            Progress(
                TextColumn("{task.description:>10}"),
                BarColumn(),
                TextColumn("{task.fields[time]}"),
                console=self._console,
                transient=True,
            )
            if self._console.is_terminal
            else None
        )
        self._task = self._bar.add_task("", total=None, time="") if self._bar else None
        self._name = ""
        self._total_s: float | None = None
        self._began_s = time.monotonic()
        self._said_s = -LINE_EVERY_S
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work.

        Args:
            name: What it is.
            total_s: How long it takes, in seconds; None if nobody knows.
        """
        self._name, self._total_s, self._began_s = name, total_s, time.monotonic()

    def say(self, text: str) -> None:
        """Tell one thing worth knowing, on a line of its own."""
        self._console.print(Text(text), highlight=False, soft_wrap=True)

    def _tick(self) -> None:
        while not self._ended.wait(TICK_S):
            self._show()

    def _show(self) -> None:
        done_s = time.monotonic() - self._began_s
        total_s = self._total_s
        shown = f"{done_s:.0f} s" if total_s is None else f"{min(done_s, total_s):.0f} of {total_s:.0f} s"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=self._name, total=total_s, completed=done_s, time=shown)
        elif self._name and time.monotonic() - self._said_s >= LINE_EVERY_S:
            self._said_s = time.monotonic()
            self.say(f"{self._name}: {shown}")

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
