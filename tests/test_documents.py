"""What we write about the product holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.cli import app
from harness.errors import ExitCode
from harness.experiment.prepare import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")])


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every link within the repository leads to a file that is there."""
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_command_is_in_the_readme() -> None:
    """No command is left for the user to guess, and none is promised that does not exist."""
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {str(group.typer_instance.info.name) for group in app.registered_groups if group.typer_instance}
    assert set(re.findall(r"^harness (\w+)", README, flags=re.MULTILINE)) == known


def test_every_task_is_listed() -> None:
    """The tasks of the Makefile are those that README and CONTRIBUTING name, and the two of the README come first."""
    tasks = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    told = set(re.findall(r"make ([a-z]+(?:-[a-z]+)?)", re.sub(r"make are|make sure", "", README + CONTRIBUTING)))
    assert told <= tasks
    assert {"demo", "test", "check", "bench", "lab", "lock"} <= told
    assert re.findall(r"^make (\w+)", README, flags=re.MULTILINE)[:2] == ["demo", "test"]


def test_the_readmes_scenario_loads(tmp_path: Path) -> None:
    """What people copy works."""
    (scenario,) = blocks(README, "yaml")
    path = tmp_path / "copied.yaml"
    path.write_text(scenario.replace("chains/", f"{ROOT}/scenarios/chains/"))
    assert load(path).plan.name == "primary-429"


def test_exit_codes_are_documented() -> None:
    """Each one, with its number."""
    page = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    assert re.findall(r"^\| (\d+) \|", page, flags=re.MULTILINE) == [str(int(code)) for code in ExitCode]


def test_the_demo_output_is_real() -> None:
    """The README shows what the demo printed: its expectations, word for word, and their answers."""
    shown = " ".join(README.split())
    for expectation in load(ROOT / "scenarios" / "primary-429.yaml").plan.expectations:
        words = r"\s+".join(map(re.escape, expectation.text.split()))
        assert re.search(rf"(PASS|FAIL|INCONCLUSIVE)\s+{words}", shown), expectation.text
