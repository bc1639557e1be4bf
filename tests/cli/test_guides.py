"""The commands that people copy: out of the README and the guides."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMANDS = typer.main.get_command(app)


def shell(text: str) -> list[str]:
    """Return the lines of a shell script that call the harness."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("harness ")]


def told(page: Path) -> list[str]:
    """Return the commands in a page's fenced blocks."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", page.read_text(), flags=re.DOTALL)
    return [line for language, block in blocks if language in ("", "console", "sh") for line in shell(block)]


def understood(line: str) -> str:
    """Return the command that a line calls; raises what the command line would if it has no such option."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = COMMANDS
    called = []
    while hasattr(command, "commands"):
        called.append(words.pop(0))
        command = command.commands[called[-1]]
    with command.make_context(called[-1], words):
        return " ".join(called)


@pytest.mark.parametrize("page", [page for page in PAGES if told(page)], ids=lambda page: page.name)
def test_every_command_that_is_shown_is_understood(page: Path) -> None:
    """Name, options and the number of arguments; none of them is run."""
    for line in told(page):
        assert understood(line)


def test_a_wrong_command_is_not_understood() -> None:
    """The test above can fail."""
    with pytest.raises(Exception, match="No such option"):
        understood("harness suite scenarios/smoke --speed 3")
    with pytest.raises(KeyError):
        understood("harness sweet scenarios/smoke")


def test_the_guide_shows_what_the_plugin_is() -> None:
    """Every public name of an outcome, and every option, is in the guide."""
    from harness.pytest_plugin.outcome import Outcome  # noqa: PLC0415

    text = (ROOT / "docs" / "guides" / "pytest.md").read_text()
    names = {name for name in vars(Outcome) if not name.startswith("_")} - {"clean", "command", "scenario"}
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
    for option in ("chaos_chain", "chaos_repeat", "--chaos-repeat", "-p no:harness"):
        assert option in text
