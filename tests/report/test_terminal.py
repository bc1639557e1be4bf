"""The verdict on a terminal, and where there is none."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.judge import Ailment, RunData, Score, Status, Verdict
from harness.report import JudgedRun, terminal, words
from harness.report import console as output
from harness.report.summary import summary
from harness.store import RunFolder
from tests.report.test_scorecard import card, cell, run


def plain(width: int = 80, *, terminal: bool = False) -> Console:
    """Return a console without colours, and without a terminal behind it if not asked for one."""
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


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


def test_print_run_gives_the_report_s_path(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence comes first, the report's path last, on standard output."""
    terminal.print_run(JudgedRun.of(RunData.of(folder.plan(), folder.history()), path=folder.path))
    out = capsys.readouterr().out
    assert out.startswith("FAIL — ")
    assert str(folder.path) in out.splitlines()[-1]


def test_a_failure_ends_with_what_to_do(hasty: JudgedRun, demo: JudgedRun) -> None:
    """The remedy for this chain's driver; a pass has nothing to do, and what is open says what would decide it."""
    console = plain(200)
    terminal.print_verdict(hasty.verdict, hasty.metrics, console)
    assert "What to do: LiteLLM honours a Retry-After of up to 60 s" in printed(console)
    console = plain(200)
    terminal.print_verdict(Verdict(status=Status.PASS, exit_code=0), demo.metrics, console)
    assert "What to do" not in printed(console)
    short = Ailment(what="no request was sent", remedy="Run it again.")
    console = plain(200)
    terminal.print_verdict(Verdict(status=Status.INCONCLUSIVE, exit_code=3, ailments=(short,)), demo.metrics, console)
    assert "What to do: Run it again." in printed(console)


LONG = "our-litellm-config-of-the-payments-team-in-sweden-central"


@pytest.mark.parametrize(("width", "terminal_"), [(80, False), (40, True), (200, False)])
def test_no_name_is_broken(hasty: JudgedRun, width: int, terminal_: bool) -> None:
    """Where a table does not fit, each row becomes lines; a name that is longer than a line sticks out of it."""
    rows = tuple(replace(row, text=f"{row.text} in {LONG}") for row in hasty.verdict.expectations)
    console = plain(width, terminal=terminal_)
    terminal.print_verdict(replace(hasty.verdict, expectations=rows), hasty.metrics, console)
    lines = printed(console).splitlines()
    for row in rows:
        assert all(any(word in line for line in lines) for word in row.text.split())
    shown = cell("a-scenario-with-a-long-name", run(Score.FAIL), chain=LONG)
    out = plain(width, terminal=terminal_)
    terminal.print_scorecard(card(shown), out)
    assert LONG in printed(out)
    assert "a-scenario-with-a-long-name" in printed(out)


def test_a_table_that_fits_stays_one(hasty: JudgedRun) -> None:
    """One line for each expectation, under one head."""
    console = plain(120)
    terminal.print_verdict(hasty.verdict, hasty.metrics, console)
    lines = printed(console).splitlines()
    assert [line.split() for line in lines if line.split()[:1] == ["expectation"]] == [
        ["expectation", "observed", "95", "%", "interval", "samples"]
    ]
    assert all(
        any(row.text in line and words.observed(row) in line for line in lines) for row in hasty.verdict.expectations
    )


def test_cells_of_a_wide_table_are_named_in_lines() -> None:
    """The first two cells are the head, the others follow with their names; an empty cell is left out."""
    console = plain(80)
    row = ("✗ fail", "a" * 60, "100 %", "", "openai 120, azure 30")
    output.table(console, ("", "scenario", "success", "wait", "attempts"), [row])
    assert printed(console).splitlines() == [
        f"✗ fail  {'a' * 60}",
        "    success 100 % · attempts openai 120, azure 30",
    ]


def test_nothing_that_a_terminal_obeys_is_printed(hasty: JudgedRun) -> None:
    """A title or a message that holds an escape sequence cannot clear the screen."""
    verdict = replace(hasty.verdict, reasons=("\x1b[2Jgone",))
    console = plain(120)
    terminal.print_verdict(verdict, hasty.metrics, console, sentence="FAIL — \x1b]0;title\x07")
    assert "\x1b" not in printed(console)
    assert "\x07" not in printed(console)
    assert "[2Jgone" in printed(console)
