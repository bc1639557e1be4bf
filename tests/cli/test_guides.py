"""The commands that people copy: out of the README, the guides and the workflow."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from harness.cli import app
from harness.experiment.suites.jobs import jobs
from harness.judge.comparison.chance import pairs_needed
from harness.report.scorecard import LeftOut

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
    command: Any = COMMANDS
    called = []
    while hasattr(command, "commands"):
        called.append(words.pop(0))
        command = command.commands[called[-1]]
    with command.make_context(called[-1], words):
        return " ".join(called)


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


def steps() -> list[dict[str, Any]]:
    """Return the workflow's steps."""
    (job,) = workflow()["jobs"].values()
    return list(job["steps"])


def using(action: str) -> dict[str, Any]:
    """Return the one step that uses an action."""
    (found,) = [step for step in steps() if step.get("uses", "").startswith(action)]
    return found


def test_the_workflows_commands_are_understood() -> None:
    """The harness is asked to check the file and to run the smoke scenarios on the user's own configuration."""
    lines = [line for step in steps() for line in shell(step.get("run", ""))]
    assert [understood(line) for line in lines] == ["check", "suite"]
    assert all("litellm-config.yaml" in line for line in lines)
    words = shlex.split(lines[1])
    assert {"--engine", "sim", "--junit", "chaos.xml", "${baseline[@]}"} <= set(words)


def test_the_workflow_needs_nothing_but_the_users_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its commands name is theirs or comes with the package; repeats are as many as a baseline needs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "scenarios" / "chains" / "litellm-config.yaml", tmp_path)
    (line,) = [line for step in steps() for line in shell(step.get("run", "")) if line.startswith("harness suite")]
    command = COMMANDS.commands["suite"]  # type: ignore[attr-defined]
    with command.make_context("suite", shlex.split(line.replace(' "${baseline[@]}"', ""))[2:]) as context:
        given = context.params
    left_out: list[LeftOut] = []
    found = jobs(
        given["paths"], chains=given["chain"], repeat=given["repeat"], engine=given["engine"], left_out=left_out
    )
    assert [each.scenario for each in left_out] == ["smoke/embeddings.yaml"]  # Claude has none
    assert len(found) == given["repeat"] * (len(list((ROOT / "scenarios" / "smoke").glob("*.yaml"))) - 1)
    assert given["repeat"] >= pairs_needed(len({job.cell for job in found}))


def test_the_workflow_is_one() -> None:
    """Triggers, the least permissions, an end to everything, pinned actions."""
    found = workflow()
    assert found["on"].keys() == {"pull_request", "push"}
    assert found["permissions"] == {"contents": "read"}
    (job,) = found["jobs"].values()
    assert job["runs-on"] == "ubuntu-latest"
    assert job["timeout-minutes"] <= 15
    used = [step["uses"] for step in steps() if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w/-]+@v\d+", name) for name in used)
    assert all(("uses" in step) != ("run" in step) for step in steps())


def test_the_workflow_keeps_what_explains_a_failure() -> None:
    """The artifact whatever happens; the baseline of the main branch alone, under the path that it is fetched to."""
    upload = using("actions/upload-artifact")
    assert upload["if"] == "always()"
    assert upload["with"]["path"].split() == ["reports", "chaos.xml"]
    fetch, keep = using("actions/cache/restore"), using("actions/cache/save")
    assert (fetch["if"], keep["if"]) == ("github.event_name == 'pull_request'", "github.event_name == 'push'")
    assert fetch["with"]["path"] == keep["with"]["path"] == "baseline"
    assert keep["with"]["key"].startswith(fetch["with"]["restore-keys"])
    (suite,) = [step["run"] for step in steps() if "harness suite" in step.get("run", "")]
    assert "if [ -d baseline/suites ]; then baseline=(--baseline baseline); fi" in suite
    assert steps().index(upload) < steps().index(keep)


def test_the_guide_shows_what_the_plugin_is() -> None:
    """Every public name of an outcome, and every option, is in the guide."""
    from harness.pytest_plugin.outcome import Outcome  # noqa: PLC0415

    text = (ROOT / "docs" / "guides" / "pytest.md").read_text()
    names = {name for name in vars(Outcome) if not name.startswith("_")} - {"clean", "command", "scenario"}
    assert [name for name in sorted(names) if f"`{name}" not in text] == []
    for option in ("chaos_chain", "chaos_repeat", "--chaos-repeat", "-p no:harness"):
        assert option in text
