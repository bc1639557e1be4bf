"""The verdict and the progress on a terminal, and where there is none."""

from __future__ import annotations

import io
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from harness.judge import Status, Verdict
from harness.report import Run, summary, terminal
from harness.store import RunFolder


class Clock:
    """A clock that goes when told."""

    now_s = 100.0

    def __call__(self) -> float:
        """Return what it was set to."""
        return self.now_s


def plain(width: int = 80) -> Console:
    """Return a console without a terminal behind it."""
    return Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)


def printed(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits(hasty: Run, width: int) -> None:
    """Nothing is wider than the console, and no word of the verdict is lost."""
    console = plain(width)
    terminal.print_verdict(hasty.verdict, hasty.metrics, console, sentence=summary(hasty))
    text = printed(console)
    assert max(map(len, text.splitlines())) <= width
    joined = "".join(text.split())
    for row in hasty.verdict.expectations:
        assert "".join(row.text.split()) in joined or len(row.text) > 30
    assert "FAIL — openai answered 429" in text
    assert "retry_after_ignored" in text
    assert "\x1b" not in text


def test_a_terminal_gets_colours(hasty: Run) -> None:
    """On a terminal the answer has a colour beside its word."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    terminal.print_verdict(hasty.verdict, hasty.metrics, console)
    assert "\x1b[1;31m✗ FAIL" in printed(console)


def test_text_of_users_is_no_markup(hasty: Run) -> None:
    """Square brackets in a message are brackets."""
    verdict = replace(hasty.verdict, reasons=("[bold]not markup[/bold] [/nope]",))
    console = plain(120)
    terminal.print_verdict(verdict, hasty.metrics, console)
    assert "[bold]not markup[/bold] [/nope]" in printed(console)


def test_nothing_expected_nothing_found(demo: Run) -> None:
    """A verdict without checks is one line, and its numbers."""
    console = plain()
    terminal.print_verdict(Verdict(status=Status.PASS, exit_code=0), demo.metrics, console)
    assert printed(console).startswith("✓ PASS\nwhole run: success ")


def test_print_run_tells_where_the_report_is(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence comes first, the place of the report last, on stdout."""
    run = Run.of(folder.plan(), folder.history())
    terminal.print_run(folder, run.verdict, run.metrics)
    out = capsys.readouterr().out
    assert out.startswith("FAIL — ")
    assert str(folder.path) in out.splitlines()[-1]


def test_progress_without_a_terminal_is_a_line_every_ten_seconds() -> None:
    """A log gets a line per phase and one every 10 s, however often the clock ticks."""
    clock, console = Clock(), plain()
    progress = terminal.Progress(console, clock=clock)
    progress.phase("fault", 40)
    for _ in range(25):
        clock.now_s += 1
        progress.tick()
    assert printed(console).splitlines() == ["fault: 0 of 40 s", "fault: 10 of 40 s", "fault: 20 of 40 s"]


def test_progress_of_unknown_length_tells_the_time_it_took() -> None:
    """A phase of unknown length names itself, then how long it has been at it; what is said stands by itself."""
    clock, console = Clock(), plain()
    progress = terminal.Progress(console, clock=clock)
    progress.tick()
    progress.phase("toxiproxy")
    progress.say("building it [once]")
    clock.now_s += 12
    progress.tick()
    assert printed(console).splitlines() == ["toxiproxy", "building it [once]", "toxiproxy: 12 s"]


def test_progress_on_a_terminal_is_a_bar_that_names_the_phase() -> None:
    """The bar shows the phase, and its thread ends with it."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    before = threading.active_count()
    with terminal.Progress(console) as progress:
        progress.phase("baseline", 8)
        progress.phase("fault", 40)
        progress.tick()
    assert "fault" in printed(console)
    assert threading.active_count() == before
