"""How far a run has come."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from harness.report.progress import RunProgress


class Clock:
    """A clock that tests set."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return what it was set to."""
        return self.now_s


def test_without_a_terminal_it_is_a_line_every_ten_seconds() -> None:
    """A log gets a line every 10 s, however often the clock ticks and whatever the phase."""
    clock, out = Clock(), io.StringIO()
    progress = RunProgress(Console(file=out, force_terminal=False), clock=clock)
    progress.show()
    progress.phase("fault", 40)
    for second in range(26):
        clock.now_s = 100.0 + second
        progress.show()
        if second == 12:
            progress.phase("recovery", 15)
    assert out.getvalue().splitlines() == ["fault: 0 of 40 s", "fault: 10 of 40 s", "recovery: 8 of 15 s"]


def test_a_phase_of_unknown_length_shows_the_time_it_took() -> None:
    """If its length is unknown, the time so far is shown; a message is printed on a line of its own, as it is."""
    clock, out = Clock(), io.StringIO()
    progress = RunProgress(Console(file=out, force_terminal=False), clock=clock)
    progress.phase("toxiproxy")
    progress.say("building it [once]")
    clock.now_s += 12
    progress.show()
    assert out.getvalue().splitlines() == ["building it [once]", "toxiproxy: 12 s"]


def test_on_a_terminal_it_is_a_bar_that_names_the_phase() -> None:
    """The bar shows the phase's name and how far it is; leaving ends its thread."""
    clock, out = Clock(), io.StringIO()
    before = threading.active_count()
    with RunProgress(Console(file=out, width=80, force_terminal=True), clock=clock) as progress:
        progress.phase("[fault]", 40)
        clock.now_s += 8
        progress.show()
    assert "[fault]" in out.getvalue()
    assert "8 of 40 s" in out.getvalue()
    assert threading.active_count() == before


def test_runs_are_counted_and_the_time_left_is_reported() -> None:
    """From the second run on: what the first one took was mostly imports."""
    clock, out = Clock(), io.StringIO()
    progress = RunProgress(Console(file=out, force_terminal=False), clock=clock)
    progress.phase("imports")
    for done in (0, 1, 3):
        progress.count(done, 23)
        progress.show()
        clock.now_s += 10
    progress.count(23, 23)
    progress.show()
    assert out.getvalue().splitlines() == [
        "runs: 0 of 23 done",
        "runs: 1 of 23 done",
        "runs: 3 of 23 done, about 100 s left",
        "runs: 23 of 23 done, about 0 s left",
    ]
    progress.phase("judge")
    clock.now_s += 10
    progress.show()
    assert out.getvalue().splitlines()[-1] == "judge: 10 s"


def test_the_bar_is_of_runs_where_they_are_counted() -> None:
    """The number of finished runs is beside it."""
    clock, out = Clock(), io.StringIO()
    with RunProgress(Console(file=out, width=80, force_terminal=True), clock=clock) as progress:
        progress.count(3, 12)
        progress.show()
    assert "3 of 12 done" in out.getvalue()
