"""The verdict on a terminal, and where there is none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.judge import RunData, Status, Verdict
from harness.report import JudgedRun, summary, terminal
from harness.store import RunFolder


def plain(width: int = 80) -> Console:
    """Return a console without a terminal behind it."""
    return Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None)


def printed(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits(hasty: JudgedRun, width: int) -> None:
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


def test_a_terminal_gets_colours(hasty: JudgedRun) -> None:
    """On a terminal the answer has a colour beside its word."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    terminal.print_verdict(hasty.verdict, hasty.metrics, console)
    assert "\x1b[1;31m✗ FAIL" in printed(console)


def test_text_of_users_is_no_markup(hasty: JudgedRun) -> None:
    """Square brackets in a message are brackets."""
    verdict = replace(hasty.verdict, reasons=("[bold]not markup[/bold] [/nope]",))
    console = plain(120)
    terminal.print_verdict(verdict, hasty.metrics, console)
    assert "[bold]not markup[/bold] [/nope]" in printed(console)


def test_nothing_expected_nothing_found(demo: JudgedRun) -> None:
    """A verdict without checks is one line, and its numbers."""
    console = plain()
    terminal.print_verdict(Verdict(status=Status.PASS, exit_code=0), demo.metrics, console)
    assert printed(console).startswith("✓ PASS\nwhole run: success ")


def test_print_run_tells_where_the_report_is(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence comes first, the place of the report last, on stdout."""
    terminal.print_run(JudgedRun.of(RunData.of(folder.plan(), folder.history()), path=folder.path))
    out = capsys.readouterr().out
    assert out.startswith("FAIL — ")
    assert str(folder.path) in out.splitlines()[-1]
