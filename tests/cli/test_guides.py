"""The commands that people copy: out of the README, the guides and the workflow."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from harness.cli import app

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "examples" / "github-actions" / "chaos.yml"
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
    words = shlex.split(line.replace('"${baseline[@]}"', "--baseline reports"), comments=True)[1:]
    command = COMMANDS.commands[words[0]]  # type: ignore[attr-defined]
    with command.make_context(words[0], words[1:]):
        return words[0]


def workflow() -> dict[str, Any]:
    """Return the example, read as YAML 1.2, where `on` is text."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(WORKFLOW.read_text())
    return found


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


def test_the_workflows_commands_are_understood() -> None:
    """The harness is asked to check the files and to run the smoke scenarios on the user's own configuration."""
    steps = [step for job in workflow()["jobs"].values() for step in job["steps"]]
    lines = [line for step in steps for line in shell(step.get("run", ""))]
    assert [understood(line) for line in lines] == ["check", "suite"]
    assert all("--chain litellm-config.yaml" in line for line in lines)
    assert "--engine sim" in lines[1]
    assert "--junit chaos.xml" in lines[1]


def test_the_workflow_is_one() -> None:
    """Triggers, the least permissions, pinned actions, and a scorecard that is kept whatever happens."""
    found = workflow()
    assert found["on"].keys() == {"pull_request", "push"}
    assert found["permissions"] == {"contents": "read"}
    (job,) = found["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest"
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w/-]+@v\d+", name) for name in used)
    assert all(("uses" in step) != ("run" in step) for step in job["steps"])
    (upload,) = [step for step in job["steps"] if step.get("uses", "").startswith("actions/upload-artifact")]
    assert upload["if"] == "always()"
    assert upload["with"]["path"].split() == ["reports", "chaos.xml"]


def test_the_guide_shows_what_the_plugin_is() -> None:
    """Every public name of an outcome, and every option, is in the guide."""
    from harness.pytest_plugin.outcome import Outcome  # noqa: PLC0415

    text = (ROOT / "docs" / "guides" / "pytest.md").read_text()
    names = {name for name in vars(Outcome) if not name.startswith("_")} - {"clean", "command", "scenario"}
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
    for option in ("chaos_chain", "chaos_repeat", "--chaos-repeat", "-p no:harness"):
        assert option in text
